"""Signing in and out: the page for everybody, who has to wait, and a user's own sessions."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from console.session_middleware import of_live_page
from console.session_store import session_digest
from console.sign_outs import sessions_of, sign_out_everywhere
from console.zones import user_zone
from server_common.admin import span_words
from server_common.password_pool import RETRY_AFTER_S, HashingBusy

GetResponse = Callable[[HttpRequest], HttpResponse]


class SignInView(LoginView):
    """For members and administrators alike; nobody needs to be staff to watch the live page."""

    template_name = "console/sign_in.html"
    redirect_authenticated_user = True


class SignInMiddleware:
    """Middleware that says in words that too many passwords are being checked."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Answer 503 where there was no room in the pool."""
        if not isinstance(error, HashingBusy):
            return None
        words = _("Many people are signing in at the moment. Please try again in a few seconds.")
        return _later(request, words, status=503, wait_s=RETRY_AFTER_S)


def locked_out(request: HttpRequest, _response: Any = None, _credentials: Any = None) -> Any:
    """Answer a sign-in that has to wait (for django-axes)."""
    wait_s: int = request.__dict__.get("sign_in_wait_s") or RETRY_AFTER_S
    words = _(
        "There were too many failed sign-ins for this name from this address. "
        "Please try again in %(span)s."
    ) % {"span": span_words(wait_s)}
    return _later(request, words, status=429, wait_s=wait_s)


def _later(request: HttpRequest, words: str, *, status: int, wait_s: int) -> HttpResponse:
    headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
    if "application/json" in request.headers.get("Accept", ""):
        error = {"error": "throttled" if status == 429 else "busy", "detail": words}
        return JsonResponse(error, status=status, headers=headers)
    context = {"words": words, "again": request.get_full_path(), "is_locked": status == 429}
    response = render(request, "console/sign_in_later.html", context, status=status)
    for name, value in headers.items():
        response[name] = value
    return response


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
