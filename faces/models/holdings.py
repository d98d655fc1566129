"""Holdings: the people that a terminal was found to hold."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Terminal


class TerminalHoldings(models.Model):
    """The latest comparison of a terminal's people with those it should hold.

    Written by ``people_compare``. User ids only; at most ``KEPT`` of each list, the counts are
    whole.
    """

    KEPT = 2000

    # What a terminal that is gone once held answers no question.
    terminal = models.OneToOneField(
        Terminal, primary_key=True, related_name="holdings", on_delete=models.CASCADE
    )
    compared_at = models.DateTimeField(_("compared"))
    held = models.PositiveIntegerField(_("people on it"))
    expected = models.PositiveIntegerField(_("people it should hold"))
    missing_count = models.PositiveIntegerField(_("missing"))
    extra_count = models.PositiveIntegerField(_("too many"))
    different_count = models.PositiveIntegerField(_("different"))
    missing = models.JSONField(default=list)
    extra = models.JSONField(default=list)
    different = models.JSONField(default=list)

    class Meta:
        verbose_name = _("people on a terminal")
        verbose_name_plural = _("people on terminals")
        ordering = ["terminal_id"]

    def __str__(self) -> str:
        return f"{self.terminal_id}: {self.held}/{self.expected}"
