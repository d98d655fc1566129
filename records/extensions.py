"""What records add to terminals: what reported something is not deleted."""

from django.db.models import Q
from django.utils.translation import ngettext

from devices.extensions import TerminalExtension
from devices.models import Terminal


class RecordsOfTerminals(TerminalExtension):
    """Records keep their terminal."""

    def unused(self) -> Q:
        return Q(records__isnull=True)

    def is_kept(self, terminal: Terminal) -> bool:
        return terminal.records.exists()

    def kept_words(self, terminal: Terminal) -> str:
        count = terminal.records.count()
        if not count:
            return ""
        words = ngettext(
            "%(count)d record of %(terminal)s", "%(count)d records of %(terminal)s", count
        )
        return words % {"count": count, "terminal": terminal}
