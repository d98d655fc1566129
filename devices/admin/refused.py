"""Refused calls: why a terminal that was set up does not appear."""

from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.models import Terminal
from devices.selectors import is_administrator, sites_managed
from devices.services import refused_calls


def may_see_refused(user: Any) -> bool:
    """Tell whether a user may look at refused calls: those who set terminals up."""
    return is_administrator(user) or sites_managed(user).exists()


def refused_page(request: HttpRequest, admin: Any) -> HttpResponse:
    """Show the refused calls that the user may see, with what to do about each."""
    if not may_see_refused(request.user):
        raise PermissionDenied
    rows = [
        (shown, timezone.localtime(datetime.fromtimestamp(shown.call.at, UTC)))
        for shown in refused_calls(request.user)
    ]
    context = {
        **admin.admin_site.each_context(request),
        "opts": Terminal._meta,
        "title": _("Refused calls"),
        "rows": rows,
        "media": admin.media,
    }
    return TemplateResponse(request, "devices/refused.html", context)
