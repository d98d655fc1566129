"""The same pass by several ways: uploaded by the terminal, fetched from it, pushed by it.

All ways name the moment and the person, to the second; on some terminals to the minute. Each way
sends a pass once, so two that came by one way under different keys are two passes, however alike.
One that came by another way is the same pass when nothing speaks against it: another number in the
terminal's list, another picture (between push and list only: uploads are encoded by themselves), or
of a stranger another temperature. Of several the most alike one counts.

The upload is the one that was decided about, so it takes the place of what was fetched or pushed
before; what is fetched or pushed after it is noted on it (`Record.also_told`), and known from then
on.

Races are settled by the terminal's row: an upload holds it in the weakest way, so that uploads do
not wait for each other, and who stores something fetched takes it for himself. Both do so between
their picture and their record, so one of two that store a pass at once always sees the other.
"""

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet

from devices.models import Terminal
from devices.services import terminal_share
from faces.services import files_mark_for_deletion
from records.choices import AlertState, Origin
from records.models import Alert, FormerRecord, Picture, Record
from records.services.pictures import waiting_forget

# The terminal's own list may round the moment of a person it knows otherwise than its upload.
_KNOWN_WITHIN = timedelta(seconds=1)
_SECOND = timedelta(seconds=1)
# The same reading in two notations: "36.59" and 36.6, or by way of Fahrenheit.
_SAME_READING_C = Decimal("0.15")


def duplicates(record: Record) -> QuerySet[Record]:
    """Return other records of the same person and moment; none for one without a moment."""
    moment = record.captured_at
    if moment is None:
        return Record.objects.none()
    same = Record.objects.filter(terminal_id=record.terminal_id, user_id=record.user_id)
    if record.user_id:
        same = same.filter(captured_at__range=(moment - _KNOWN_WITHIN, moment + _KNOWN_WITHIN))
    else:
        # Of strangers only the second is known.
        second = moment.replace(microsecond=0)
        same = same.filter(captured_at__gte=second, captured_at__lt=second + _SECOND)
    return same.exclude(pk=record.pk) if record.pk else same


def is_noted(record: Record) -> bool:
    """Tell whether this very message has been noted on another record before."""
    noted = duplicates(record).values_list("also_told", flat=True)
    return any(one["key"] == record.dedupe_key for notes in noted for one in notes)


def is_known(record: Record) -> bool:
    """Tell whether this pass is stored, and hold back uploads of its terminal until commit.

    It is noted there that it came this way too. To be called in the transaction that stores it,
    after its picture: an upload stores its picture first too, and the two must not wait for each
    other.
    """
    Terminal.objects.select_for_update().get(pk=record.terminal_id)
    duplicate = _most_alike(
        record, [one for one in _read(duplicates(record)) if _is_same_pass(record, one)]
    )
    if duplicate is None:
        return False
    if all(one["key"] != record.dedupe_key for one in _messages_of(duplicate)):
        duplicate.also_told = [*duplicate.also_told, _note(record)]
        duplicate.save(update_fields=["also_told"])
    if record.picture is not None:
        of_no_record = Picture.objects.filter(pk=record.picture.pk, records=None, card_records=None)
        files_mark_for_deletion(list(of_no_record.values_list("image", flat=True)))
        of_no_record.delete()
    return True


def hold(record: Record) -> None:
    """Hold back what is fetched of an upload's terminal until commit; called before it is stored.

    Django checks foreign keys at the commit, so storing the record alone would hold none back.
    """
    terminal_share(terminal_id=record.terminal_id)


def supersede(record: Record) -> list[int]:
    """Take the place of what was fetched of the same pass; called after the upload was stored.

    Returns the ids of the records that are gone.
    """
    late = _read(duplicates(record).exclude(origin=Origin.UPLOADED))
    duplicate = _most_alike(record, [one for one in late if _is_same_reading(record, one)])
    if duplicate is None:
        return []
    record.also_told = _messages_of(duplicate)
    record.save(update_fields=["also_told"])
    alerts = Alert.objects.filter(record=duplicate)
    # Raised anew for the upload; what a user has seen stays and points to it.
    alerts.filter(state=AlertState.ACTIVE).delete()
    alerts.update(record=record)
    gone = duplicate.pk
    waiting_forget(records=Record.objects.filter(pk=gone))
    Record.objects.filter(pk=gone).delete()
    FormerRecord.objects.create(pk=gone, record=record)
    return [gone]


def _read(found: QuerySet[Record]) -> list[Record]:
    return list(found.select_related("picture").order_by("pk"))


def _note(record: Record) -> dict[str, Any]:
    """Return what is kept of a message that reported a pass: its way, key, number and picture."""
    return {
        "origin": record.origin,
        "key": record.dedupe_key,
        "id": record.extras.get("record_id") or 0,
        "picture": "" if record.picture is None else record.picture.sha256,
    }


def _messages_of(record: Record) -> list[dict[str, Any]]:
    """Return every message that reported a pass."""
    return [_note(record), *record.also_told]


def _is_same_pass(late: Record, stored: Record) -> bool:
    """Tell whether something fetched or pushed is a pass that is stored already."""
    mine = _note(late)
    noted = [one for one in _messages_of(stored) if one["origin"] != Origin.UPLOADED]
    if any(one["key"] == mine["key"] for one in noted):
        return True
    if any(one["id"] and mine["id"] and one["id"] != mine["id"] for one in noted):
        return False
    if any(one["origin"] == mine["origin"] for one in noted):
        return False
    pictures = {one["picture"] for one in [mine, *noted] if one["picture"]}
    if mine["picture"] and len(pictures) > 1:
        return False
    return _is_same_reading(late, stored)


def _is_same_reading(one: Record, other: Record) -> bool:
    """Tell whether the temperatures of two strangers do not speak against one pass."""
    if one.user_id or one.temperature_c is None or other.temperature_c is None:
        return True
    return abs(one.temperature_c - other.temperature_c) <= _SAME_READING_C


def _most_alike(record: Record, candidates: list[Record]) -> Record | None:
    """Return the candidate with the same key, else picture, else temperature, else moment."""

    def differences(other: Record) -> tuple[bool, bool, bool, float]:
        noted = _messages_of(other)
        picture = _note(record)["picture"]
        apart = (
            (record.captured_at - other.captured_at).total_seconds()
            if record.captured_at and other.captured_at
            else 0.0
        )
        return (
            all(one["key"] != record.dedupe_key for one in noted),
            not picture or all(one["picture"] != picture for one in noted),
            record.temperature_c != other.temperature_c,
            abs(apart),
        )

    return min(candidates, key=differences, default=None)
