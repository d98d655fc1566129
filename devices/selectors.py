"""Reads of sites and terminals; the restriction to a user's own sites is made here."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet
from django.utils import timezone

from devices.choices import Role, Trust
from devices.models import Site, SiteToken, Terminal


def sites_visible(user: User | AnonymousUser) -> QuerySet[Site]:
    """Return the sites a user may see: all for a superuser, else those of their memberships."""
    if not user.is_authenticated or not user.is_active:
        return Site.objects.none()
    if user.is_superuser:
        return Site.objects.all()
    return Site.objects.filter(memberships__user=user)


def sites_managed(user: User | AnonymousUser) -> QuerySet[Site]:
    """Return the sites a user may change: all for a superuser, else where they are manager."""
    if not user.is_authenticated or not user.is_active:
        return Site.objects.none()
    if user.is_superuser:
        return Site.objects.all()
    return Site.objects.filter(memberships__user=user, memberships__role=Role.MANAGER)


def terminals_visible(user: User | AnonymousUser) -> QuerySet[Terminal]:
    """Return the terminals of the user's sites."""
    return Terminal.objects.filter(site__in=sites_visible(user)).select_related("site")


def site_base_url(site: Site, *, root: str = "") -> str:
    """Return what a manager types into a terminal: ``http://host/t/<token>``.

    Args:
        site: the site, ideally with ``tokens`` prefetched.
        root: scheme and host to use when ``PUBLIC_URL`` is not set.
    """
    current = next((token for token in site.tokens.all() if token.ends_at is None), None)
    base = settings.PUBLIC_URL or root.rstrip("/")
    return f"{base}/t/{current.token}" if isinstance(current, SiteToken) else ""


def is_online(
    terminal: Terminal, last_seen_at: datetime | None, *, now: datetime | None = None
) -> bool:
    """Tell whether a terminal was heard within its site's ``offline_after_s``."""
    if last_seen_at is None:
        return False
    limit = timedelta(seconds=terminal.site.offline_after_s)
    return (now or timezone.now()) - last_seen_at <= limit


def terminal_trust(terminal: Terminal) -> Trust:
    """Return by what the platform knows that it is this terminal that calls."""
    if terminal.site.allowed_networks:
        return Trust.TOKEN_AND_ADDRESS if terminal.used_token else Trust.ADDRESS
    return Trust.TOKEN if terminal.used_token else Trust.OPEN


def visible(queryset: QuerySet[Any], user: User | AnonymousUser, *, path: str) -> QuerySet[Any]:
    """Restrict any queryset to the user's sites; ``path`` leads from its model to the site."""
    return queryset.filter(**{f"{path}__in": sites_visible(user)})
