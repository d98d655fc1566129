"""/syheartbeat of seed 9.5."""

from devices.services import Admission, Answered, terminal_describe
from terminal_protocol import Ack, BodyReading, Heartbeat, RetCode


def heartbeat(admission: Admission, body: BodyReading) -> Answered:
    """Answer a heartbeat; that the terminal was heard is noted by the lane, as for any request."""
    message = Heartbeat.from_wire(body.data)
    if message.server_url and message.server_url != admission.terminal.server_url:
        terminal_describe(terminal_id=admission.terminal.pk, server_url=message.server_url[:128])
    return Answered(Ack(RetCode.SUCCESS, "Success").to_wire(), is_quiet=True)
