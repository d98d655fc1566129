"""Addresses of people, terminals and recognition."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from faces.api.views import (
    DeliveryViewSet,
    IdentifyView,
    IndexRebuildView,
    IndexView,
    LibraryViewSet,
    PersonViewSet,
    RevocationViewSet,
    TerminalPeopleViewSet,
)

routes = [
    ("libraries", LibraryViewSet, "library"),
    ("people", PersonViewSet, "person"),
    ("deliveries", DeliveryViewSet, "delivery"),
    ("revocations", RevocationViewSet, "revocation"),
]
# Beside what ``devices`` offers at the address of a terminal.
_of_a_terminal = SimpleRouter()
_of_a_terminal.register("devices", TerminalPeopleViewSet, "device")

urlpatterns = [
    *_of_a_terminal.urls,
    path("index/", IndexView.as_view(), name="index"),
    path("index/rebuild/", IndexRebuildView.as_view(), name="index-rebuild"),
    path("identify/", IdentifyView.as_view(), name="identify"),
]
