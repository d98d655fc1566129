"""Addresses of people, terminals and recognition."""

from django.urls import path

from faces.api.views import (
    DeliveryViewSet,
    IdentifyView,
    IndexRebuildView,
    IndexView,
    LibraryViewSet,
    PersonViewSet,
    RevocationViewSet,
    TerminalViewSet,
)

routes = [
    ("libraries", LibraryViewSet, "library"),
    ("devices", TerminalViewSet, "device"),
    ("people", PersonViewSet, "person"),
    ("deliveries", DeliveryViewSet, "delivery"),
    ("revocations", RevocationViewSet, "revocation"),
]
urlpatterns = [
    path("index/", IndexView.as_view(), name="index"),
    path("index/rebuild/", IndexRebuildView.as_view(), name="index-rebuild"),
    path("identify/", IdentifyView.as_view(), name="identify"),
]
