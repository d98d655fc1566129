"""/syface and /syattribute of seed 9.2 and 9.3."""

from functools import partial

from devices.services import Admission, Answered
from records.services import (
    BROKEN_OFF,
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
    likeness,
)


def face(admission: Admission, body: BodyReading) -> Answered:
    """Store a pass and answer whether the door opens."""
    message = FaceMatch.from_wire(body.data)
    store = partial(
        pass_record, admission=admission, repairs=_repairs(body), likeness=likeness(body.data)
    )
    outcome = stored_at_least(lambda one: store(message=one), message)
    delay_ms = outcome.unlock_delay_ms or admission.terminal.unlock_delay_ms
    answer = PassAnswer(RetCode.SUCCESS, "Success", outcome.open_door, delay_ms)
    return Answered(answer.to_wire(), _note(outcome))


def attribute(admission: Admission, body: BodyReading) -> Answered:
    """Store a temperature reading."""
    message = TemperatureReading.from_wire(body.data)
    store = partial(
        temperature_record,
        admission=admission,
        repairs=_repairs(body),
        likeness=likeness(body.data),
    )
    outcome = stored_at_least(lambda one: store(message=one), message)
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), _note(outcome))


def _repairs(body: BodyReading) -> tuple[str, ...]:
    return (*body.repairs, BROKEN_OFF) if body.is_broken_off else body.repairs


def _note(outcome: PassOutcome) -> dict[str, object]:
    return {
        "record": outcome.record_id,
        "repeat": outcome.is_repeat,
        "reason": outcome.reason,
        "faults": list(outcome.faults),
    }
