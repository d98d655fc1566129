"""Content-Security-Policy: what browsers may load and run on each page."""

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]
View = TypeVar("View", bound=Callable[..., Any])

_HEADER = "Content-Security-Policy"
# Everything a page needs comes from here: nothing inline, nothing from elsewhere.
_BASE = (
    "default-src 'none'; script-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; object-src 'none'; "
)
STRICT = _BASE + "style-src 'self'; frame-ancestors 'none'"
# Styles within the page, which run nothing: Django's lists and the documentation have some.
STYLED = _BASE + "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
_ADMIN_PATH = "/admin/"
_POLICY = "content_policy"


def with_policy(policy: str) -> Callable[[View], View]:
    """Have a view answered with another policy than the strict one."""

    def mark(view: View) -> View:
        view.__dict__[_POLICY] = policy
        return view

    return mark


class ContentPolicyMiddleware:
    """Middleware that gives every answer a policy, errors and refusals too."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header(_HEADER):
            response[_HEADER] = _policy(request)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], _args: Any, _kwargs: Any
    ) -> None:
        """Remember the policy that the view asks for."""
        request.__dict__[_POLICY] = getattr(view, _POLICY, None)


def _policy(request: HttpRequest) -> str:
    asked: str | None = request.__dict__.get(_POLICY)
    if asked is not None:
        return asked
    if request.path_info.startswith(_ADMIN_PATH):
        return STYLED
    return STRICT
