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


class Tombstone(models.Model):
    """A person was erased; only the user id remains, until no terminal can hold it any more."""

    site = models.ForeignKey(Site, related_name="tombstones", on_delete=models.CASCADE)
    user_id = models.CharField(max_length=32)
    sync_stamp = models.BigIntegerField()
    erased_at = models.DateTimeField()

    class Meta:
        verbose_name = _("erased person")
        verbose_name_plural = _("erased people")
        ordering = ["site_id", "sync_stamp"]
        constraints = [
            models.UniqueConstraint(fields=["site", "user_id"], name="tombstone_once"),
        ]
        indexes = [models.Index(fields=["site", "sync_stamp"], name="tombstone_by_stamp")]

    def __str__(self) -> str:
        return f"{self.user_id} @ {self.sync_stamp}"


class TerminalCursor(models.Model):
    """How far a terminal has been told.

    ``issued`` is the greatest cursor it was ever given: a greater one in its question comes from
    another library or from before a restored backup, and means a full sync. ``view_stamp`` is
    the moment at which its set of libraries changed last: an older cursor means a full sync.
    """

    terminal = models.OneToOneField(
        Terminal, primary_key=True, related_name="cursor", on_delete=models.CASCADE
    )
    issued = models.BigIntegerField(default=0)
    view_stamp = models.BigIntegerField(default=0)
    polled_at = models.DateTimeField(_("last poll"), null=True)

    class Meta:
        verbose_name = _("terminal's cursor")
        verbose_name_plural = _("terminals' cursors")
        ordering = ["terminal_id"]

    def __str__(self) -> str:
        return f"{self.terminal_id} @ {self.issued}"
