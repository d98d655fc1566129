"""Addresses of the REST interface (``/api/v1/``), its description and its documentation."""

from typing import Any

from django.urls import include, path, re_path
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import APIRootView, DefaultRouter
from rest_framework.views import APIView

import devices.openapi  # noqa: F401 - registers our tokens with the description
from devices.api import urls as devices_urls
from faces.api import urls as faces_urls
from records.api import urls as records_urls
from server_common.content_security_policy import STYLED, with_policy


class Contents(APIRootView):
    """The REST interface of Menjin; see ``docs`` for how to use it."""

    # Beside the lists that the router knows.
    others = {name: name for name in ("index", "index-rebuild", "identify", "schema", "docs")}

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        self.api_root_dict = {**(self.api_root_dict or {}), **self.others}
        return super().get(request, *args, **kwargs)


@extend_schema(exclude=True)
class Nowhere(APIView):
    """Refusal of unknown addresses of the interface, in its own shape."""

    permission_classes = [AllowAny]
    authentication_classes: list[Any] = []

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound("There is no such address; see /api/v1/.")


router = DefaultRouter()
router.APIRootView = Contents
router.include_format_suffixes = False
for prefix, view_set, name in (*devices_urls.routes, *faces_urls.routes, *records_urls.routes):
    router.register(prefix, view_set, name)

urlpatterns = [
    path("", include(router.urls)),
    path("", include(faces_urls.urlpatterns)),
    path("", include(records_urls.urlpatterns)),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    # Its script comes from an address of its own, as the policy of scripts wants it.
    path(
        "docs/",
        with_policy(STYLED)(SpectacularSwaggerSplitView.as_view(url_name="schema")),
        name="docs",
    ),
    # With a slash at the end, so that Django still adds it where it was forgotten.
    re_path(r"^.*/$", Nowhere.as_view()),
]
