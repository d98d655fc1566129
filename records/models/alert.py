"""Alerts."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site, Terminal
from records.choices import AlertKind, AlertState, Severity
from records.models.record import Record

LASTING = [AlertKind.TERMINAL_OFFLINE, AlertKind.CLOCK_SKEW, AlertKind.SHARED_ID]


class Alert(models.Model):
    """Something that needs a person's eye: active → acknowledged → cleared.

    An alert of a lasting cause (a terminal offline, a wrong clock, a shared ID) exists once while
    it lasts, and is cleared by itself when the cause goes away. Of a flood one alert is kept that
    counts the others (``folded``): one a site and kind, of no one terminal.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="alerts", on_delete=models.PROTECT
    )
    terminal = models.ForeignKey(
        Terminal,
        verbose_name=_("terminal"),
        related_name="alerts",
        null=True,
        on_delete=models.SET_NULL,
    )
    record = models.ForeignKey(
        Record,
        verbose_name=_("record"),
        related_name="alerts",
        null=True,
        on_delete=models.SET_NULL,
    )
    kind = models.CharField(_("kind"), max_length=20, choices=AlertKind.choices)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices)
    state = models.CharField(
        _("state"), max_length=12, choices=AlertState.choices, default=AlertState.ACTIVE
    )
    user_id = models.CharField(_("user ID"), max_length=64, blank=True)
    # As its record has it, so that it is found by name as records are.
    # With the database's default, so that processes of before an update go on raising alerts.
    user_name = models.CharField(_("name"), max_length=120, blank=True, default="", db_default="")
    folded = models.PositiveIntegerField(
        _("stands for"),
        default=0,
        db_default=0,
        help_text=_("How many alerts of a flood this one stands for; 0: for itself."),
    )
    facts = models.JSONField(_("facts"), default=dict)
    raised_at = models.DateTimeField(_("raised"))
    acknowledged_at = models.DateTimeField(_("acknowledged"), null=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("acknowledged by"),
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )
    cleared_at = models.DateTimeField(_("cleared"), null=True)
    cleared_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("cleared by"),
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        ordering = ["-raised_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["terminal", "kind"],
                condition=models.Q(kind__in=LASTING) & ~models.Q(state=AlertState.CLEARED),
                name="alert_lasting_once",
                violation_error_message=_("This cause is alarming at this terminal already."),
            ),
            models.UniqueConstraint(
                fields=["site", "kind"],
                condition=models.Q(folded__gt=0) & ~models.Q(state=AlertState.CLEARED),
                name="alert_folded_once",
                violation_error_message=_("A flood of this kind is counted at this site already."),
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=AlertState.values), name="alert_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["-raised_at", "-id"], name="alert_newest"),
            models.Index(fields=["site", "-raised_at", "-id"], name="alert_newest_of_site"),
            models.Index(fields=["site", "state", "-raised_at"], name="alert_by_state"),
        ]

    def __str__(self) -> str:
        return f"{AlertKind(self.kind).label} #{self.pk}"
