"""Audit entries: who changed what, from where, old and new."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from devices.choices import AuditAction, AuditKind, AuditWay
from devices.models.site import Site


class AuditEntry(models.Model):
    """One change of a rule, a right or a secret; written with the change, never changed.

    Deleted when it is older than ``AUDIT_DAYS``. Holds no person's name, ID number or face, and of
    secrets only that they changed.
    """

    at = models.DateTimeField(_("at"), db_default=Now(), editable=False)
    # It outlives its site and its user: their numbers and names as they were.
    site = models.ForeignKey(
        Site,
        verbose_name=_("site"),
        related_name="+",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
    )
    site_name = models.CharField(_("site"), max_length=120, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        related_name="+",
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
    )
    actor = models.CharField(_("by"), max_length=150, blank=True)
    address = models.GenericIPAddressField(_("from address"), null=True)
    way = models.CharField(_("way"), max_length=10, choices=AuditWay.choices)
    kind = models.CharField(_("kind"), max_length=20, choices=AuditKind.choices)
    action = models.CharField(_("action"), max_length=10, choices=AuditAction.choices)
    # "app.model" and key of the changed row, empty for an event without one.
    model = models.CharField(max_length=60, blank=True)
    row_id = models.CharField(max_length=40, blank=True)
    name = models.CharField(_("of what"), max_length=200, blank=True)
    changes = models.JSONField(_("changes"), default=dict)

    class Meta:
        verbose_name = _("audit entry")
        verbose_name_plural = _("audit")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=AuditKind.values), name="audit_kind_known"
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-id"], name="audit_by_site"),
            models.Index(fields=["actor", "-id"], name="audit_by_actor"),
            models.Index(fields=["at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{AuditKind(self.kind).label} #{self.pk}"
