"""What the lists and pages of terminals show of one."""

from datetime import datetime

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.admin.addresses import address_card
from devices.admin.conversation import conversation
from devices.admin.homes import addresses_words
from devices.admin.remote_words import pushes_badge, reach_badge
from devices.choices import Presence, TerminalStatus
from devices.extensions import terminal_pages
from devices.models import Terminal
from devices.selectors import is_online, terminal_base_url, terminal_trust
from devices.services import (
    exchanges_last,
    presence_last_seen,
    terminal_reach,
)
from server_common.admin import EMPTY, Tone, ago_words, badge, clock_words, dot, lines
from terminal_protocol import fault_words

STATUS_TONES: dict[str, Tone] = {
    TerminalStatus.PENDING: "warn",
    TerminalStatus.APPROVED: "good",
    TerminalStatus.DISABLED: "quiet",
}


class PresenceChangeList(ChangeList):
    """A page of terminals, of which all columns are read in a few queries."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        hear(rows)
        for part in terminal_pages():
            part.annotate(rows)
        self.result_list = rows


def hear(rows: list[Terminal]) -> None:
    """Note on each row when the terminal was heard last, sightings not yet stored included."""
    seen = presence_last_seen(rows)
    for row in rows:
        row.__dict__["heard_at"] = seen[row.pk]


def heard_at(terminal: Terminal) -> datetime | None:
    """Return what ``hear`` noted; a row it did not pass is asked about by itself."""
    if "heard_at" not in terminal.__dict__:
        hear([terminal])
    moment: datetime | None = terminal.__dict__["heard_at"]
    return moment


class TerminalColumns:
    """Columns of the list, and rows of a terminal's page that are only read."""

    @admin.display(description=gettext_lazy("connection"))
    def connection(self, terminal: Terminal) -> SafeString:
        """Show a dot: online, offline or never heard."""
        moment = heard_at(terminal)
        if moment is None:
            return dot("quiet", Presence.NEVER.label)
        if is_online(terminal, moment):
            return dot("good", Presence.ONLINE.label)
        return dot("bad", Presence.OFFLINE.label)

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def title(self, terminal: Terminal) -> str:
        """Show the name, or say that there is none yet."""
        return terminal.name or _("(no name yet)")

    @admin.display(description=gettext_lazy("last heard"), ordering="last_seen_at")
    def last_heard(self, terminal: Terminal) -> SafeString | str:
        """Say how long ago the terminal was heard, and when its clock is wrong."""
        heard = ago_words(heard_at(terminal))
        if not terminal.clock_is_wrong:
            return heard
        words = _("clock %(skew)s") % {"skew": _clock(terminal)}
        return format_html("{} {}", heard, badge("bad", words))

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_badge(self, terminal: Terminal) -> SafeString:
        """Show where the terminal is in its life."""
        status = TerminalStatus(terminal.status)
        return badge(STATUS_TONES[status], status.label)

    @admin.display(description=gettext_lazy("last exchanges"))
    def exchanges(self, terminal: Terminal) -> SafeString | str:
        """Show what the terminal said lately and what came of it."""
        return conversation(exchanges_last(terminal_id=terminal.pk))

    @admin.display(description=gettext_lazy("trust"))
    def trust(self, terminal: Terminal) -> str:
        """Say by what the platform knows that it is this terminal that calls."""
        return str(terminal_trust(terminal).label)

    @admin.display(description=gettext_lazy("address of its own (BaseUrl)"))
    def own_address(self, terminal: Terminal) -> SafeString | str:
        """Show the address that is this terminal's alone, with its QR code; say what it is for."""
        address = terminal_base_url(terminal, root=getattr(terminal, "root", ""))
        if not address:
            return _(
                "None: every terminal of the site knows the address it uses. “Replace address” "
                "gives it one of its own."
            )
        return address_card(
            address,
            element_id="mj-own-address",
            help_text=_(
                "Type this address into this terminal as its server address (BaseUrl), or let it "
                "read the code. From its first call under it on, the address of the site is "
                "refused for this device ID, so that no other terminal can pose as this one."
            ),
        )

    @admin.display(description=gettext_lazy("called from"))
    def addresses_seen(self, terminal: Terminal) -> SafeString | str:
        """List the addresses the terminal has called from, the latest first."""
        return addresses_words(terminal)

    @admin.display(description=gettext_lazy("clock"))
    def clock(self, terminal: Terminal) -> SafeString | str:
        """Say whether the terminal's clock is right."""
        if not terminal.clock_is_wrong:
            return _("right, as far as its messages tell")
        return badge("bad", _clock(terminal))

    @admin.display(description=gettext_lazy("odd messages"))
    def odd_messages(self, terminal: Terminal) -> SafeString | str:
        """Count the messages that had to be repaired before they could be read."""
        rows = [
            _("%(count)d × %(what)s, last %(ago)s")
            % {
                "count": row.count,
                "what": _(fault_words(row.kind)),
                "ago": ago_words(row.last_at),
            }
            for row in terminal.repairs.all()
        ]
        return lines(rows) if rows else EMPTY

    @admin.display(description=gettext_lazy("its own interface"))
    def reach(self, terminal: Terminal) -> SafeString:
        """Say whether the platform can call the terminal."""
        return reach_badge(terminal_reach(terminal))

    @admin.display(description=gettext_lazy("pushed records"), empty_value="–")
    def pushes(self, terminal: Terminal) -> SafeString | str:
        """Say whether its records come by push."""
        return pushes_badge(terminal)


def _clock(terminal: Terminal) -> str:
    return clock_words(terminal.clock_skew_s, is_still=terminal.clock_stands_still)
