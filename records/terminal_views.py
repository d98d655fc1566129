"""Views of /syface and /syattribute (seed 9.2 and 9.3)."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Protocol, TypeVar
from zoneinfo import ZoneInfo

from devices.services import Admission, Answered
from records.services import (
    BROKEN_OFF,
    NOT_NEWEST,
    PassOutcome,
    pass_record,
    stored_at_least,
    temperature_record,
)
from terminal_protocol import (
    Ack,
    BodyReading,
    FaceMatch,
    PassAnswer,
    RetCode,
    TemperatureReading,
    WrongMessageType,
    message_digest,
    messages_in,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Message = TypeVar("Message", bound=FaceMatch | TemperatureReading)
Taken = TypeVar("Taken", bound=FaceMatch | TemperatureReading, contravariant=True)


class _Record(Protocol[Taken]):
    """A service that stores one message."""

    def __call__(
        self,
        *,
        admission: Admission,
        message: Taken,
        repairs: tuple[str, ...],
        likeness: str,
    ) -> PassOutcome: ...


def face(admission: Admission, body: BodyReading) -> Answered:
    """Store passes and answer whether the door opens: for the newest one, if it is of now."""
    outcomes = _stored(
        admission, _read(partial(FaceMatch.from_wire, zone=_zone(admission)), body), pass_record
    )
    newest = outcomes[-1]
    delay_ms = newest.unlock_delay_ms or admission.terminal.unlock_delay_ms
    answer = PassAnswer(RetCode.SUCCESS, "Success", newest.open_door, delay_ms)
    return Answered(answer.to_wire(), _note(outcomes))


def attribute(admission: Admission, body: BodyReading) -> Answered:
    """Store temperature readings."""
    read = _read(partial(TemperatureReading.from_wire, zone=_zone(admission)), body)
    outcomes = _stored(admission, read, temperature_record)
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), _note(outcomes))


def _zone(admission: Admission) -> ZoneInfo:
    return ZoneInfo(admission.terminal.site.timezone)


def _read(
    from_wire: Callable[[Mapping[str, Any]], Message], body: BodyReading
) -> list[tuple[Message, BodyReading]]:
    """Return the messages of a body, oldest first; of one moment the last in the body is newest.

    Raises:
        WrongMessageType: there is none among them.
    """
    found: list[tuple[Message, BodyReading]] = []
    for one in messages_in(body):
        try:
            found.append((from_wire(one.data), one))
        except WrongMessageType:
            continue  # something else beside the records, such as a name of the terminal
    if not found:
        raise WrongMessageType
    return sorted(found, key=lambda one: one[0].captured_at or _EPOCH)


def _stored(
    admission: Admission, read: list[tuple[Message, BodyReading]], record: _Record[Message]
) -> list[PassOutcome]:
    """Store each message; when one cannot be, none is answered, and all of them come again."""
    outcomes: list[PassOutcome] = []
    for place, (message, one) in enumerate(read, start=1):
        beside = () if place == len(read) else (NOT_NEWEST,)
        service = partial(
            record,
            admission=admission,
            repairs=(*_repairs(one), *beside),
            likeness=message_digest(one.data),
        )
        outcomes.append(stored_at_least(partial(_store, service), message))
    return outcomes


def _store(
    service: Callable[..., PassOutcome], message: FaceMatch | TemperatureReading
) -> PassOutcome:
    return service(message=message)


def _repairs(body: BodyReading) -> tuple[str, ...]:
    return (*body.repairs, BROKEN_OFF) if body.is_broken_off else body.repairs


def _note(outcomes: list[PassOutcome]) -> dict[str, object]:
    newest = outcomes[-1]
    note: dict[str, object] = {
        "record": newest.record_id,
        "repeat": newest.is_repeat,
        "reason": newest.reason,
        "faults": list(newest.faults),
    }
    others = [one.record_id for one in outcomes[:-1]]
    return {**note, "others": others} if others else note
