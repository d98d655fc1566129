"""Messages that cannot be stored as they are: stored with less, so that none is refused for ever.

A terminal sends a record again until it is stored, and those behind it wait. What the platform or
its database cannot take of one must therefore cost that part of it, and not the queue.
"""

import hashlib
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError

from face_engine import PicturesBusy
from terminal_protocol import FaceMatch, TemperatureReading

logger = logging.getLogger(__name__)

CUT_DOWN = "record_cut_down"
# Faults of a message of which something is missing: the person it names may be another, "1" may be
# what is left of "1001". It opens nothing.
BROKEN_OFF = "message_broken_off"
NOT_WHOLE = frozenset({CUT_DOWN, BROKEN_OFF})
# Of several passes in one message only the newest is answered.
NOT_NEWEST = "message_of_several"
# What says nothing about the message: it comes again when database, disk or memory are there.
AWAY = (OperationalError, InterfaceError, OSError, PicturesBusy)

Message = TypeVar("Message", bound=FaceMatch | TemperatureReading)
Stored = TypeVar("Stored")


def stored_at_least(store: Callable[[Message], Stored], message: Message) -> Stored:
    """Store a message whole, or at least what matters most of it.

    Raises:
        OperationalError, InterfaceError, OSError: database or disk are away.
        PicturesBusy: there is no room to decode its picture.
    """
    # Twice as it is: the first time a person may have been erased meanwhile.
    for _ in range(2):
        try:
            return store(message)
        except AWAY:
            raise
        except Exception:
            logger.exception("record_not_stored kind=%s", type(message).__name__)
    return store(cut_down(message))


def cut_down(message: Message) -> Message:
    """Return what matters most of a message: who, when and how warm.

    It is the same message to a search for repeats: the picture is named by its digest.
    """
    image = message.image
    kept: dict[str, Any] = {
        "temperature_c": message.temperature_c,
        "captured_at": message.captured_at,
        "captured_raw": message.captured_raw,
        "image_sha256": hashlib.sha256(image).hexdigest() if image else message.image_sha256,
        "faults": (CUT_DOWN,),
    }
    if isinstance(message, FaceMatch):
        kept["user_id"] = message.user_id
    return type(message)(**kept)
