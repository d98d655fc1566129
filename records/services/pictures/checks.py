"""Checks of the pictures of a message, before anything is stored or locked.

What a pending terminal sends is not decoded, because any caller may pose as a new terminal. It is
kept as it came, in bounds, until the terminal is approved (``waiting``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from devices.choices import TerminalStatus
from devices.models import Terminal
from face_engine import RgbImage
from faces.models import Person
from faces.services import PictureOrigin, is_photo_on_file, picture_hold
from records.choices import VerificationResult
from records.services.pictures.pictures import CleanPicture, picture_read
from records.services.pictures.waiting import NOT_KEPT, WAITS, has_room_to_wait
from records.services.verification import Verified, elapsed_ms, verify

PHOTO_ON_FILE = "picture_is_photo_on_file"
_NOT_COMPARED = Verified(VerificationResult.OFF)

Compare = Callable[[RgbImage | None, bool], Verified]


@dataclass(frozen=True, slots=True)
class PictureCheck:
    """Result of the check of one picture of a message.

    Attributes:
        clean: it, if it could be read.
        waits: the file as it came, to be read after approval.
        faults: words for the record.
        verified: what comparing it with the claimed person said.
        ms: milliseconds by step.
    """

    clean: CleanPicture | None = None
    waits: bytes | None = field(default=None, repr=False)
    faults: tuple[str, ...] = ()
    verified: Verified = _NOT_COMPARED
    ms: dict[str, float] = field(default_factory=dict)


def picture_check(
    *,
    terminal: Terminal,
    raw: bytes | None,
    origin: PictureOrigin,
    prefix: str = "",
    compare: Compare | None = None,
) -> PictureCheck:
    """Read a picture and compare it, or keep it unread while its terminal is pending.

    Args:
        terminal: that sent it, with its site.
        raw: the file, None without one.
        origin: how long it may wait for room.
        prefix: put before the words of faults.
        compare: is given the pixels, None without any, and whether they are whole.

    Raises:
        face_engine.PicturesBusy: there is no room to decode it now.
    """
    if raw and terminal.status == TerminalStatus.PENDING:
        if has_room_to_wait(terminal=terminal, size=len(raw)):
            return PictureCheck(waits=raw, faults=(prefix + WAITS,))
        return PictureCheck(faults=(prefix + NOT_KEPT,))
    started = time.perf_counter()
    with picture_hold(origin, terminal_id=terminal.pk) as hold:
        read = picture_read(raw, hold, prefix=prefix)
        ms = {"decode": elapsed_ms(started)}
        is_whole = read.clean is None or read.clean.is_whole
        verified = compare(read.pixels, is_whole) if compare else _NOT_COMPARED
    faults = (*read.faults, *_words_of(verified))
    return PictureCheck(read.clean, None, faults, verified, {**ms, **verified.ms})


def person_compare(terminal: Terminal, person: Person | None) -> Compare:
    """Return how a pass at a terminal is compared with the person it claims.

    Its site's rules apply; a picture that is the photo on file itself is recognised as well.
    """

    def compare(pixels: RgbImage | None, is_whole: bool) -> Verified:  # noqa: FBT001 - a callback
        verified = verify(
            policy=terminal.site.verification,
            site_id=terminal.site_id,
            person=person,
            image=pixels,
            is_whole=is_whole,
        )
        if person is None or pixels is None:
            return verified
        is_copy = is_photo_on_file(person=person, image=pixels)
        return replace(verified, is_photo_on_file=is_copy)

    return compare


def _words_of(verified: Verified) -> list[str]:
    copy = PHOTO_ON_FILE if verified.is_photo_on_file else None
    return [fault for fault in (verified.fault, copy) if fault]
