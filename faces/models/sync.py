"""The clock by which terminals learn of changes (invariant 1; decision 0002)."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site, Terminal


class SyncClock(models.Model):
    """The hybrid logical clock of one site, in Unix seconds.

    Each transaction that changes what terminals should hold takes this row's lock last, moves
    ``last_stamp`` to max(now, last + 1), stamps its rows with it and commits. So stamps commit
    in order, whatever the order in which transactions began, and never go back.
    """

    site = models.OneToOneField(
        Site, primary_key=True, related_name="sync_clock", on_delete=models.CASCADE
    )
    last_stamp = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("sync clock")
        verbose_name_plural = _("sync clocks")
        ordering = ["site_id"]

    def __str__(self) -> str:
        return f"{self.site_id} @ {self.last_stamp}"


class TerminalCursor(models.Model):
    """How far a terminal has been sent what changed.

    ``issued`` is the greatest cursor it was ever given: a greater one in its question comes from
    another library or from before a restored backup, and means a full sync. ``complete_from`` is
    the cursor that ended its last full sync, null while none has ended: only cursors from there
    on mean "everything up to then". A full sync of many pages hands out fresh clock values, kept
    in ``pages`` as [cursor, position], so that no page can be mistaken for an older cursor.
    ``reported_at`` is when its first syresult came, null while it has sent none. ``token_id`` is
    of the secret under which it last fetched deletes: an older one does not count for it any more.
    """

    terminal = models.OneToOneField(
        Terminal, primary_key=True, related_name="cursor", on_delete=models.CASCADE
    )
    issued = models.BigIntegerField(default=0)
    complete_from = models.BigIntegerField(null=True)
    pages = models.JSONField(default=list)
    polled_at = models.DateTimeField(_("last poll"), null=True)
    reported_at = models.DateTimeField(_("first result"), null=True)
    token_id = models.BigIntegerField(db_default=0, editable=False)

    class Meta:
        verbose_name = _("terminal's cursor")
        verbose_name_plural = _("terminals' cursors")
        ordering = ["terminal_id"]

    def __str__(self) -> str:
        return f"{self.terminal_id} @ {self.issued}"
