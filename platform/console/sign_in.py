"""Sign-in and sign-out: the page, waits after failures, and a user's own sessions."""

import json
import logging
import threading
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from console.session_middleware import of_live_page
from console.session_store import session_digest
from console.sign_outs import sessions_of, sign_out_everywhere
from console.time_zone import user_zone
from server_common.admin import span_words
from server_common.password_pool import RETRY_AFTER_S, HashingBusy, hashing_pool

logger = logging.getLogger(__name__)

_PAUSE_S = 1.0
_LOG_EVERY_S = 10.0

GetResponse = Callable[[HttpRequest], HttpResponse]


class SignInView(LoginView):
    """Sign-in page of members and administrators alike; the live page needs no staff account."""

    template_name = "console/sign_in.html"
    redirect_authenticated_user = True


class SignInMiddleware:
    """Load shedding of sign-ins, when more passwords are sent than can be checked.

    It stands before all that costs something: a flood of sign-ins is answered from memory.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        names = ("console:sign-in", "admin:login", "admin:password_change")
        self._paths = set(map(reverse, names))
        self._pauses = threading.BoundedSemaphore(settings.TERMINAL_SLOTS)
        self._logged_at = float("-inf")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        is_sign_in = request.method == "POST" and request.path_info in self._paths
        if is_sign_in and not hashing_pool().has_room:
            return self._shed(request)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 where another sign-in took the last place."""
        return self._shed(request) if isinstance(error, HashingBusy) else None

    def _shed(self, request: HttpRequest) -> HttpResponse:
        now = time.monotonic()
        if now >= self._logged_at + _LOG_EVERY_S:
            self._logged_at = now
            logger.warning("sign_ins_shed path=%s", request.path_info)
        # A caller that retries at once is slowed, as far as there are threads to spare.
        if self._pauses.acquire(blocking=False):
            try:
                time.sleep(_PAUSE_S)
            finally:
                self._pauses.release()
        as_json = "application/json" in request.headers.get("Accept", "")
        language = translation.get_language_from_request(request)
        content, kind = _busy(language, request.path_info, as_json=as_json)
        headers = {"Retry-After": str(RETRY_AFTER_S), "Cache-Control": "no-store"}
        return HttpResponse(content, content_type=kind, status=503, headers=headers)


@lru_cache(maxsize=64)
def _busy(language: str, path: str, *, as_json: bool) -> tuple[bytes, str]:
    """Return the page of a shed sign-in, rendered once for each language."""
    with translation.override(language):
        words = _("Many people are signing in at the moment. Please try again in a few seconds.")
        if as_json:
            return json.dumps({"error": "busy", "detail": words}).encode(), "application/json"
        context = {"words": words, "again": path, "is_locked": False}
        page = render_to_string("console/sign_in_later.html", context)
        return page.encode(), "text/html; charset=utf-8"


def locked_out(request: HttpRequest, _response: Any = None, _credentials: Any = None) -> Any:
    """Answer a sign-in that has to wait (for django-axes)."""
    wait_s: int = request.__dict__.get("sign_in_wait_s") or RETRY_AFTER_S
    words = _(
        "There were too many failed sign-ins for this name from this address. "
        "Please try again in %(span)s."
    ) % {"span": span_words(wait_s)}
    headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
    if "application/json" in request.headers.get("Accept", ""):
        return JsonResponse({"error": "throttled", "detail": words}, status=429, headers=headers)
    context = {"words": words, "again": request.get_full_path(), "is_locked": True}
    page = render_to_string("console/sign_in_later.html", context, request)
    return HttpResponse(page, status=429, headers=headers)


@of_live_page(is_use=False)
@require_POST
@never_cache
def sign_out(request: HttpRequest) -> HttpResponse:
    """End this browser's session."""
    logout(request)
    return redirect("console:sign-in")


@require_GET
@never_cache
@login_required
def sessions(request: HttpRequest) -> HttpResponse:
    """Show in which browsers the user is signed in."""
    own = session_digest(request.session.session_key or "")
    with timezone.override(user_zone(request.user)):
        context = {"sessions": sessions_of(request.user), "own": own}
        return render(request, "console/sessions.html", context)


@require_POST
@never_cache
@login_required
def sessions_ended(request: HttpRequest) -> HttpResponse:
    """Sign the user out in every browser, this one too."""
    count = sign_out_everywhere(request.user.pk or 0)
    request.session.flush()
    messages.success(
        request,
        ngettext(
            "You were signed out in %(count)d browser.",
            "You were signed out in %(count)d browsers.",
            count,
        )
        % {"count": count},
    )
    return redirect("console:sign-in")
