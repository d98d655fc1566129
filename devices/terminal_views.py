"""View of /syheartbeat (seed 9.5)."""

from devices.services import (
    Admission,
    Answered,
    heartbeat_learn,
    heartbeat_note,
    server_url_shown,
    terminal_describe,
)
from terminal_protocol import Ack, BodyReading, Heartbeat, RetCode


def heartbeat(admission: Admission, body: BodyReading) -> Answered:
    """Answer a heartbeat; that the terminal was heard is noted as for any request."""
    message = Heartbeat.from_wire(body.data)
    named = server_url_shown(message.server_url)
    is_changed = bool(named) and named != admission.terminal.server_url
    if is_changed:
        terminal_describe(terminal_id=admission.terminal.pk, server_url=named)
    heartbeat_learn(admission, is_changed=is_changed)
    note = heartbeat_note(named=message.device_id, device_id=admission.terminal.device_id)
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), note, is_idle=True)
