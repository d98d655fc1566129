"""Who may do what: memberships of people, tokens of programs."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from devices.choices import Role
from devices.models.site import Site
from server_common.change_tracking import WatchedManager


class SiteMembership(models.Model):
    """A user works for a site; without one, a user who is no superuser sees nothing."""

    # A membership is nothing without both of its ends.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        related_name="site_memberships",
        on_delete=models.CASCADE,
    )
    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="memberships", on_delete=models.CASCADE
    )
    role = models.CharField(_("role"), max_length=10, choices=Role.choices, default=Role.MANAGER)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("site member")
        verbose_name_plural = _("site members")
        ordering = ["site_id", "user_id"]
        constraints = [
            models.UniqueConstraint(fields=["user", "site"], name="membership_once"),
        ]

    def __str__(self) -> str:
        return f"{self.user} · {self.site}"


class ApiToken(models.Model):
    """A program's key to the REST interface; only its digest is kept.

    Made in the admin or by ``manage.py api_token``, shown once. Life: valid → expired or revoked.
    """

    name = models.CharField(_("name"), max_length=120)
    # A key acts as its user and ends with them.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        related_name="api_tokens",
        on_delete=models.CASCADE,
    )
    digest = models.CharField(max_length=64, unique=True, editable=False)
    all_sites = models.BooleanField(
        _("all sites of the user"),
        default=True,
        db_default=True,
        help_text=_("Off: only the sites chosen below, whatever else the user may do."),
    )
    # Not what decides: a site that is gone leaves no row, and the key must not widen.
    sites = models.ManyToManyField(
        Site, verbose_name=_("sites"), related_name="api_tokens", blank=True
    )
    read_only = models.BooleanField(
        _("read only"),
        default=False,
        db_default=False,
        help_text=_("It changes nothing and asks nothing of doors."),
    )
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(
        _("expires"), null=True, blank=True, help_text=_("Empty: it holds until it is revoked.")
    )
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name
