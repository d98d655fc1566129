"""The platform's own look at who passed, and what a manager says of it."""

from .negatives import (
    LooksLikePhoto,
    effect_words,
    negative_effect,
    negatives_of,
    not_this_person,
    not_this_person_foresee,
    not_this_person_undo,
)
from .verification import Verified, elapsed_ms, verify

__all__ = [
    "LooksLikePhoto",
    "Verified",
    "effect_words",
    "elapsed_ms",
    "negative_effect",
    "negatives_of",
    "not_this_person",
    "not_this_person_foresee",
    "not_this_person_undo",
    "verify",
]
