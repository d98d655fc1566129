"""The gallery of a site: the engine, what is in it, and searches."""

from .engine import engine
from .galleries import (
    descriptor_seal,
    descriptor_unseal,
    files_erase,
    files_mark_for_deletion,
    gallery_add,
    gallery_of,
    gallery_rebuild,
    gallery_rebuild_request,
    gallery_remove,
)
from .index import Candidate, forget_copies, identify, identify_photo

__all__ = [
    "Candidate",
    "descriptor_seal",
    "descriptor_unseal",
    "engine",
    "files_erase",
    "files_mark_for_deletion",
    "forget_copies",
    "gallery_add",
    "gallery_of",
    "gallery_rebuild",
    "gallery_rebuild_request",
    "gallery_remove",
    "identify",
    "identify_photo",
]
