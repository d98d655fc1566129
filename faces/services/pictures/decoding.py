"""The budget of decoded bytes of this process, and how long each picture waits for a part of it."""

import os
from contextlib import AbstractContextManager
from enum import StrEnum
from functools import cache

from django.conf import settings

from face_engine import PartialImage, PictureBudget, PictureHold, WaitLimits, decode_partial

PICTURES_RETRY_AFTER_S = 10


class PictureOrigin(StrEnum):
    """Where a picture comes from; by this it waits for room."""

    DOOR = "door"
    UPLOAD = "upload"
    BACKGROUND = "background"


# How many that wait already are enough. Those of doors would take each other's slots.
_BEHIND_MOST = {PictureOrigin.DOOR: 2, PictureOrigin.UPLOAD: 10, PictureOrigin.BACKGROUND: 16}


@cache
def picture_budget() -> PictureBudget:
    """Return the budget of this process."""
    return PictureBudget(settings.PICTURE_BUDGET_BYTES)


# A fork takes along what other threads of its parent held.
os.register_at_fork(after_in_child=picture_budget.cache_clear)


def picture_hold(
    origin: PictureOrigin, *, terminal_id: int | None = None
) -> AbstractContextManager[PictureHold]:
    """Let the caller hold one decoded picture, for as long as it is needed.

    Never to be entered while another one is held, nor inside a transaction: there may be a wait.

    Args:
        origin: how long it may wait.
        terminal_id: that sent it; each has a share of the room only.
    """
    wait_s: float = settings.PICTURE_WAIT_S[origin]
    return picture_budget().hold(
        WaitLimits(wait_s, behind_most=_BEHIND_MOST[origin]), owner=terminal_id
    )


def picture_decode(raw: bytes, hold: PictureHold, *, decoded_most: int) -> PartialImage:
    """Decode a picture within the limits of this platform.

    Args:
        raw: the file.
        hold: takes what it costs.
        decoded_most: most bytes that it may cost.

    Raises:
        face_engine.ImageUnreadable: it cannot be decoded.
        face_engine.PicturesBusy: there is no room for it now.
    """
    return decode_partial(
        raw,
        max_bytes=settings.PHOTO_LIMIT_BYTES,
        max_pixels=settings.PHOTO_LIMIT_PIXELS,
        max_decoded_bytes=decoded_most,
        hold=hold,
    )
