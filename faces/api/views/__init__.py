"""What the REST interface offers of people, terminals, deliveries and recognition."""

from faces.api.views.deliveries import DeliveryViewSet, RevocationViewSet
from faces.api.views.people import LibraryViewSet, PersonViewSet
from faces.api.views.recognition import IdentifyView, IndexRebuildView, IndexView
from faces.api.views.terminals import TerminalPeopleViewSet

__all__ = [
    "DeliveryViewSet",
    "IdentifyView",
    "IndexRebuildView",
    "IndexView",
    "LibraryViewSet",
    "PersonViewSet",
    "RevocationViewSet",
    "TerminalPeopleViewSet",
]
