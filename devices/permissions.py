"""Who may call what; which rows they see is restricted by the selectors."""

from typing import Any

from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from devices.models import Site
from devices.selectors import is_administrator, sites_managed, sites_visible


def site_of(row: Any) -> Site | None:
    """Return the site a row belongs to; terminals' rows reach it through their terminal."""
    if isinstance(row, Site):
        return row
    site = getattr(row, "site", None)
    if site is None and getattr(row, "terminal", None) is not None:
        site = row.terminal.site
    return site


class SiteScoped(BasePermission):
    """Members look, managers of the site change, superusers do both everywhere."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        if not user or not user.is_authenticated:
            return False
        if request.method in SAFE_METHODS or getattr(view, "member_may_write", False):
            return is_administrator(user) or sites_visible(user).exists()
        return is_administrator(user) or sites_managed(user).exists()

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        user: Any = request.user
        if is_administrator(user):
            return True
        site = site_of(obj)
        if site is None:
            return False
        if request.method in SAFE_METHODS or getattr(view, "member_may_write", False):
            return sites_visible(user).filter(pk=site.pk).exists()
        return sites_managed(user).filter(pk=site.pk).exists()


class MembersAct(SiteScoped):
    """Members may ask for it; what else they need is asked where it is done."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        if not user or not user.is_authenticated:
            return False
        return is_administrator(user) or sites_visible(user).exists()

    def has_object_permission(self, request: Request, view: Any, obj: Any) -> bool:
        user: Any = request.user
        site = site_of(obj)
        if is_administrator(user):
            return True
        return site is not None and sites_visible(user).filter(pk=site.pk).exists()


class SuperuserWrites(SiteScoped):
    """Only superusers make or end what all users may look at, such as a site."""

    def has_permission(self, request: Request, view: Any) -> bool:
        user: Any = request.user
        if request.method == "DELETE" or (request.method == "POST" and not view.detail):
            return bool(user and user.is_authenticated and is_administrator(user))
        return super().has_permission(request, view)
