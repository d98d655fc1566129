"""Refused calls: why a terminal that was set up does not appear."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.choices import RefusedReason
from devices.models import Terminal
from devices.selectors import is_administrator, sites_managed
from devices.services import RefusedShown, refused_calls


def may_see_refused(user: Any) -> bool:
    """Tell whether a user may look at refused calls: those who set terminals up."""
    return is_administrator(user) or sites_managed(user).exists()


def refused_page(request: HttpRequest, admin: Any) -> HttpResponse:
    """Show the refused calls that the user may see, with what to do about each."""
    if not may_see_refused(request.user):
        raise PermissionDenied
    calls = refused_calls(request.user)
    terminals = _terminals(calls)
    rows = [
        (
            shown,
            timezone.localtime(datetime.fromtimestamp(shown.call.at, UTC)),
            terminals.get((shown.call.site_id, _device_id(shown))),
        )
        for shown in calls
    ]
    context = {
        **admin.admin_site.each_context(request),
        "opts": Terminal._meta,
        "title": _("Refused calls"),
        "rows": rows,
        "media": admin.media,
    }
    return TemplateResponse(request, "devices/refused.html", context)


def _device_id(shown: RefusedShown) -> str:
    return unquote(shown.call.path.rsplit("/", 1)[-1])


def _terminals(calls: list[RefusedShown]) -> dict[tuple[int | None, str], int]:
    """Return the terminals that are known and were refused all the same, by site and device ID."""
    known = {RefusedReason.DISABLED, RefusedReason.HAS_OWN_ADDRESS}
    meant = [one for one in calls if one.call.reason in known]
    found = Terminal.objects.filter(
        site_id__in={one.call.site_id for one in meant},
        device_id__in={_device_id(one) for one in meant},
    )
    return {(site, name): pk for pk, site, name in found.values_list("pk", "site_id", "device_id")}
