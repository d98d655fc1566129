"""Signed-in browsers, sign-ins that failed or are locked, and files that no row names."""

from datetime import datetime, timedelta

from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from server_common.stored_files import PATH_MAX


class BrowserSession(models.Model):
    """A browser that carries a session's key; the key itself is stored nowhere.

    Made at signing in. Life: full → on the live page alone, as long as its socket is open → over.
    """

    digest = models.CharField(max_length=64, primary_key=True, editable=False)
    data = models.TextField(editable=False)
    # A session is its user's and ends with them; without one it carries messages only.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("user"),
        related_name="browser_sessions",
        null=True,
        on_delete=models.CASCADE,
    )
    started_at = models.DateTimeField(_("signed in"))
    used_at = models.DateTimeField(_("last used"))
    watched_at = models.DateTimeField(_("live page last open"), null=True)

    class Meta:
        verbose_name = _("browser session")
        verbose_name_plural = _("browser sessions")
        ordering = ["-used_at", "digest"]

    def __str__(self) -> str:
        return f"{self.user or '–'} · {self.started_at:%Y-%m-%d %H:%M}"

    def is_full(self, now: datetime) -> bool:
        """Tell whether it opens every page of its user."""
        return (
            now < self.started_at + settings.SESSION_LIFETIME
            and now < self.used_at + settings.SESSION_IDLE
        )

    def is_watched(self, now: datetime) -> bool:
        """Tell whether a live page's socket has kept it for that page."""
        return self.watched_at is not None and now < self.watched_at + settings.SESSION_IDLE


def sessions_over(now: datetime | None = None) -> Q:
    """Return the condition of sessions that are over."""
    now = now or timezone.now()
    idle_since: datetime = now - settings.SESSION_IDLE
    lifetime: timedelta = settings.SESSION_LIFETIME
    is_not_full = Q(started_at__lte=now - lifetime) | Q(used_at__lte=idle_since)
    return is_not_full & (Q(watched_at__isnull=True) | Q(watched_at__lte=idle_since))


class SignInLock(AccessAttempt):
    """An account at an address with failed sign-ins, which may have to wait."""

    class Meta:
        proxy = True
        verbose_name = _("locked sign-in")
        verbose_name_plural = _("locked sign-ins")

    def __str__(self) -> str:
        return f"{self.username} · {self.ip_address}"


class FailedSignIn(AccessFailureLog):
    """One failed sign-in: account, address and time."""

    class Meta:
        proxy = True
        verbose_name = _("failed sign-in")
        verbose_name_plural = _("failed sign-ins")

    def __str__(self) -> str:
        return f"{self.username} · {self.ip_address}"


class UnnamedFile(models.Model):
    """A stored file that no row named when the files were counted.

    Made by the count that meets it first; gone when a row names it, or when it is in the trash.
    """

    path = models.CharField(_("file"), max_length=PATH_MAX, unique=True)
    first_seen_at = models.DateTimeField(_("first met without a row"), db_index=True)
    # By the count of that moment; what the newest count has not met is there no more, or named.
    last_seen_at = models.DateTimeField(_("last met without a row"))

    class Meta:
        verbose_name = _("file that no row names")
        verbose_name_plural = _("files that no row names")
        ordering = ["first_seen_at", "id"]

    def __str__(self) -> str:
        return self.path


class FileCount(models.Model):
    """How many files are stored: one row, with the count in progress and the last whole one.

    Life: counting, folder by folder → counted → counting again six hours later. While too many of
    the counted files have no row, ``stopped_at`` is set and nothing is moved to the trash.
    """

    begun_at = models.DateTimeField(null=True)
    at_folder = models.CharField(max_length=PATH_MAX, blank=True)
    files = models.PositiveBigIntegerField(default=0)
    counted_at = models.DateTimeField(null=True)
    counted = models.PositiveBigIntegerField(default=0)
    unnamed = models.PositiveBigIntegerField(default=0)
    stopped_at = models.DateTimeField(null=True)
    # One process works at a time; one that died is waited for until then.
    busy_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("count of files")
        verbose_name_plural = _("counts of files")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.unnamed} / {self.counted}"
