"""Tables of people, their photos, what terminals hold of them, and the gallery."""

from .delivery import Delivery
from .gallery import DoomedFile, Gallery, GalleryRemoval
from .library import Library, LibraryMembership, TerminalLibrary
from .person import Person
from .photo import FaceDescriptor, FacePhoto
from .sync import SyncClock, TerminalCursor

__all__ = [
    "Delivery",
    "DoomedFile",
    "FaceDescriptor",
    "FacePhoto",
    "Gallery",
    "GalleryRemoval",
    "Library",
    "LibraryMembership",
    "Person",
    "SyncClock",
    "TerminalCursor",
    "TerminalLibrary",
]
