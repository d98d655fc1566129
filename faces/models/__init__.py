"""Tables of people, their photos, what terminals hold of them, and the gallery."""

from .delivery import Delivery, Revocation
from .gallery import FileToDelete, Gallery, GalleryRemoval
from .holdings import TerminalHoldings
from .library import Library, LibraryMembership, TerminalLibrary
from .person import Person
from .photo import FaceDescriptor, FacePhoto
from .sync import SyncClock, TerminalCursor
from .time_plan import Holiday, LibraryPlan, TimePlan, TimePlanInterval, Weekday

__all__ = [
    "Delivery",
    "FaceDescriptor",
    "FacePhoto",
    "FileToDelete",
    "Gallery",
    "GalleryRemoval",
    "Holiday",
    "Library",
    "LibraryMembership",
    "LibraryPlan",
    "Person",
    "Revocation",
    "SyncClock",
    "TerminalCursor",
    "TerminalHoldings",
    "TerminalLibrary",
    "TimePlan",
    "TimePlanInterval",
    "Weekday",
]
