"""Pictures that a terminal sent while it was pending: checked once it is approved.

The picture is compared with the person that the pass claimed, as at a door: the result is on the
record, and alarms are raised. What was decided then stays decided, and no door opens.
"""

import logging
from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from devices.choices import TerminalStatus
from face_engine import PicturesBusy
from faces.services import PictureOrigin, files_mark_for_deletion
from records.choices import RecordKind, VerificationResult
from records.live import record_message
from records.models import Picture, Record, WaitingPicture
from records.services.alarms import picture_alarms
from records.services.pictures import (
    NOT_KEPT,
    WAITS,
    PictureCheck,
    person_compare,
    picture_check,
    picture_name,
    picture_write,
)
from server_common.on_commit import group_send_on_commit

logger = logging.getLogger(__name__)

# By the field of the record that a picture belongs in.
_PREFIXES: Final = {"picture": "", "id_card_picture": "id_card_"}
_WAITS_AT_MOST: Final = timedelta(days=7)


def pictures_process_waiting(*, terminal_id: int | None = None, limit: int = 500) -> int:
    """Decode what approved terminals sent while they were pending; returns how many were settled.

    Safe to repeat and to run twice at once. What has waited for too long is given up.
    """
    old = WaitingPicture.objects.filter(created_at__lt=timezone.now() - _WAITS_AT_MOST)
    for waiting in old.exclude(record__terminal__status=TerminalStatus.APPROVED)[:limit]:
        _settle(waiting, _not_kept(waiting))
    rows = WaitingPicture.objects.filter(
        record__terminal__status=TerminalStatus.APPROVED
    ).select_related("record__terminal__site", "record__person")
    if terminal_id is not None:
        rows = rows.filter(record__terminal=terminal_id)
    settled = 0
    for waiting in rows[:limit]:
        try:
            settled += _decode(waiting)
        except PicturesBusy:
            logger.warning("pictures_wait others are being decoded")
            break
    return settled


def _word(waiting: WaitingPicture, word: str) -> str:
    return _PREFIXES[waiting.place] + word


def _not_kept(waiting: WaitingPicture) -> PictureCheck:
    return PictureCheck(faults=(_word(waiting, NOT_KEPT),))


def _decode(waiting: WaitingPicture) -> bool:
    record = waiting.record
    try:
        with waiting.file.open() as stored:
            raw = stored.read()
    except FileNotFoundError:
        # Settled by another worker meanwhile, or lost: its row tells.
        return _settle(waiting, _not_kept(waiting))
    is_compared = _is_compared(waiting)
    checked = picture_check(
        terminal=record.terminal,
        raw=raw,
        origin=PictureOrigin.BACKGROUND,
        prefix=_PREFIXES[waiting.place],
        # The person of then: another who has had this user ID since was not at the door.
        compare=person_compare(record.terminal, record.person) if is_compared else None,
    )
    picture = None
    if checked.clean is not None:
        picture = picture_write(site_id=record.site_id, clean=checked.clean)
    return _settle(waiting, checked, picture)


def _is_compared(waiting: WaitingPicture) -> bool:
    return waiting.place == "picture" and waiting.record.kind == RecordKind.PASS


@transaction.atomic
def _settle(waiting: WaitingPicture, checked: PictureCheck, picture: Picture | None = None) -> bool:
    """Write on the record what became of its picture; False when another worker has done it."""
    # Serialises two workers at the same record, and two pictures of it.
    record = (
        Record.objects.select_for_update(no_key=True, of=("self",))
        .select_related("terminal__site")
        .filter(pk=waiting.record_id)
        .first()
    )
    if record is None or not WaitingPicture.objects.filter(pk=waiting.pk).exists():
        return False
    kept = [one for one in record.faults if one != _word(waiting, WAITS)]
    record.faults = list(dict.fromkeys([*kept, *checked.faults]))
    if picture is not None:
        setattr(record, waiting.place, picture_name(picture))
    verified = checked.verified
    if verified.result != VerificationResult.OFF:
        record.verification, record.verification_score = verified.result, verified.score
        record.trace = {**record.trace, "verification": verified.trace}
    record.save(
        update_fields=["faults", waiting.place, "verification", "verification_score", "trace"]
    )
    files_mark_for_deletion([waiting.file.name or ""])
    waiting.delete()
    if _is_compared(waiting):
        picture_alarms(record)
    message = record_message(record)
    group_send_on_commit(f"live.{record.site_id}", {"type": "live.record", **message})
    return True
