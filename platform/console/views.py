"""Views of the live page, its catch-up and buttons, of pictures, and of the health page."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from console.live_view import live_view_state, viewer_of
from console.session_middleware import of_live_page
from devices.selectors import sites_managed, sites_visible
from faces.choices import PhotoStatus
from faces.models import FacePhoto
from records.live import alert_message
from records.models import Alert, Record
from records.selectors import alerts_visible, record_numbered, records_visible
from records.services import alert_acknowledge, alert_clear
from server_common.async_bridge import channel_layer_reachable

logger = logging.getLogger(__name__)

_PICTURE_CACHE = "private, max-age=300"
_ID_MAX = 2**62

View = Callable[..., HttpResponse]


def signed_in(view: View) -> View:
    """Answer 401 instead of sending a script or a picture to the login page."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return JsonResponse({"error": "not_authenticated"}, status=401)
        return view(request, *args, **kwargs)

    return checked


@of_live_page(is_use=True)
@require_safe
@never_cache
@login_required
def live(request: HttpRequest) -> HttpResponse:
    """Show the live page as it stands now; its script keeps it up to date."""
    sites = list(sites_visible(request.user).order_by("code").values_list("name", flat=True)[:4])
    context = {
        "wall": live_view_state(request.user),
        "sites": sites,
        "languages": settings.LANGUAGES,
    }
    return render(request, "console/live.html", context)


@of_live_page(is_use=False)
@require_GET
@never_cache
@signed_in
def live_state(request: HttpRequest) -> HttpResponse:
    """Return what a disconnected page has missed: ``?after=<id of its newest record>``."""
    raw = request.GET.get("after", "0")
    after = min(int(raw), _ID_MAX) if raw.isascii() and raw.isdecimal() and len(raw) < 20 else 0
    return JsonResponse(live_view_state(request.user, after=after))


@of_live_page(is_use=True)
@require_POST
@signed_in
def alert_acknowledged(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Note that the user has seen an alert; every member of the site may."""
    alert = get_object_or_404(alerts_visible(request.user), pk=alert_id)
    return _pressed(request, alert_acknowledge(alert=alert, user=_user(request)))


@of_live_page(is_use=True)
@require_POST
@signed_in
def alert_cleared(request: HttpRequest, alert_id: int) -> HttpResponse:
    """Close an alert; managers of its site may."""
    alert = get_object_or_404(alerts_visible(request.user), pk=alert_id)
    if not sites_managed(request.user).filter(pk=alert.site_id).exists():
        return JsonResponse({"error": "not_allowed"}, status=403)
    return _pressed(request, alert_clear(alert=alert, user=_user(request)))


def _pressed(request: HttpRequest, alert: Alert) -> HttpResponse:
    if "application/json" not in request.headers.get("Accept", ""):
        return redirect("console:live")
    card = viewer_of(request.user).alert_card(alert_message(alert)["alert"])
    return JsonResponse({"alert": card})


@of_live_page(is_use=False)
@require_safe
@signed_in
def photo(request: HttpRequest, photo_id: int) -> HttpResponse:
    """Return a person's photo to members of their site."""
    visible = FacePhoto.objects.filter(person__site__in=sites_visible(request.user))
    return _picture(get_object_or_404(visible, pk=photo_id).image.name)


@of_live_page(is_use=False)
@require_safe
@signed_in
def record_picture(request: HttpRequest, record_id: int) -> HttpResponse:
    """Return what the terminal saw to members of the record's site."""
    record = _record(request, record_id)
    return _picture(record.picture.image.name if record.picture else "")


@of_live_page(is_use=False)
@require_safe
@signed_in
def record_reference(request: HttpRequest, record_id: int) -> HttpResponse:
    """Return the photo on file of the person a record names, as it is today."""
    record = _record(request, record_id)
    person_id = record.person_id
    if person_id is None:
        raise Http404("no person")
    accepted = FacePhoto.objects.filter(person_id=person_id, status=PhotoStatus.OK)
    newest = accepted.order_by("-pk").first()
    return _picture(newest.image.name if newest else "")


def _record(request: HttpRequest, number: int) -> Record:
    record = record_numbered(records_visible(request.user), number)
    if record is None:
        raise Http404("no record")
    return record


def _picture(path: str | None) -> HttpResponse:
    """Answer with a stored JPEG, by nginx where it stands in front."""
    if not path:
        raise Http404("no picture")
    if settings.ACCEL_LOCATION:
        response = HttpResponse(content_type="image/jpeg")
        response["X-Accel-Redirect"] = f"{settings.ACCEL_LOCATION}{path}"
    else:
        try:
            with default_storage.open(path) as stored:
                response = HttpResponse(stored.read(), content_type="image/jpeg")
        except FileNotFoundError:
            logger.exception("picture_file_missing")
            raise Http404("no picture") from None
    response["Cache-Control"] = _PICTURE_CACHE
    return response


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """Tell a balancer whether this process reaches what it needs: 200, or 503 and what is away."""
    parts = {"database": _database_reachable(), "channel_layer": channel_layer_reachable()}
    words = {name: "ok" if reachable else "away" for name, reachable in parts.items()}
    is_well = all(parts.values())
    return JsonResponse(
        {"status": "ok" if is_well else "away", **words}, status=200 if is_well else 503
    )


def _database_reachable() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except DatabaseError:
        logger.warning("health_database_away")
        return False


def _user(request: HttpRequest) -> Any:
    return request.user
