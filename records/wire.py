"""/syface and /syattribute of seed 9.2 and 9.3."""

from devices.services import Admission
from records.services import pass_record, temperature_record
from terminal_protocol import (
    Ack,
    BodyReading,
    FaceMatch,
    PassAnswer,
    RetCode,
    TemperatureReading,
)


def face(admission: Admission, body: BodyReading) -> dict[str, object]:
    """Store a pass and answer whether the door opens."""
    outcome = pass_record(
        admission=admission, message=FaceMatch.from_wire(body.data), repairs=body.repairs
    )
    delay_ms = outcome.unlock_delay_ms or admission.terminal.unlock_delay_ms
    return PassAnswer(RetCode.SUCCESS, "Success", outcome.open_door, delay_ms).to_wire()


def attribute(admission: Admission, body: BodyReading) -> dict[str, object]:
    """Store a temperature reading."""
    temperature_record(
        admission=admission, message=TemperatureReading.from_wire(body.data), repairs=body.repairs
    )
    return Ack(RetCode.SUCCESS, "Success").to_wire()
