"""People sent and compared by a terminal's own interface, without waiting for its poll."""

from .holdings import people_compare, people_repair, people_wipe
from .people import people_push, user_object

__all__ = [
    "people_compare",
    "people_push",
    "people_repair",
    "people_wipe",
    "user_object",
]
