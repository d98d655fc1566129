"""/syface and /syattribute of seed 9.2 and 9.3."""

from devices.services import Admission, Answered
from records.services import PassOutcome, pass_record, temperature_record
from terminal_protocol import (
    Ack,
    BodyReading,
    FaceMatch,
    PassAnswer,
    RetCode,
    TemperatureReading,
)


def face(admission: Admission, body: BodyReading) -> Answered:
    """Store a pass and answer whether the door opens."""
    outcome = pass_record(
        admission=admission, message=FaceMatch.from_wire(body.data), repairs=body.repairs
    )
    delay_ms = outcome.unlock_delay_ms or admission.terminal.unlock_delay_ms
    answer = PassAnswer(RetCode.SUCCESS, "Success", outcome.open_door, delay_ms)
    return Answered(answer.to_wire(), _note(outcome))


def attribute(admission: Admission, body: BodyReading) -> Answered:
    """Store a temperature reading."""
    outcome = temperature_record(
        admission=admission, message=TemperatureReading.from_wire(body.data), repairs=body.repairs
    )
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), _note(outcome))


def _note(outcome: PassOutcome) -> dict[str, object]:
    return {
        "record": outcome.record_id,
        "repeat": outcome.is_repeat,
        "reason": outcome.reason,
        "faults": list(outcome.faults),
    }
