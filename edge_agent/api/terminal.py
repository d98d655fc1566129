"""Everything that calls of the device interface act on, in one value."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.api.accepted_calls import AcceptedCalls
from edge_agent.api.terminal_time import TerminalTime
from edge_agent.door import TerminalSettings
from edge_agent.drivers import Clock, EventLog, Relay
from edge_agent.recognition import LocalPeople
from edge_agent.storage import Openings, RecordLog
from terminal_protocol.device_objects import DEVICE_OBJECT


@dataclass(frozen=True, slots=True)
class Terminal:
    """One terminal as its device interface sees it.

    Attributes:
        device: DeviceObject (8.1.1) without the name, which can be set.
        unsupported: names of calls that are refused with 40001.
        poll_soon: lets the library be asked for now.
        restart: ends the agent so that it starts anew; called after the answer was sent.
        sync_state: what ``status`` shows, JSON values without private data.
    """

    device: Mapping[str, Any]
    clock: Clock
    time: TerminalTime
    calls: AcceptedCalls
    settings: TerminalSettings
    people: LocalPeople
    records: RecordLog
    openings: Openings
    relay: Relay
    event_log: EventLog
    poll_soon: Callable[[], None]
    restart: Callable[[], None]
    sync_state: Callable[[], Awaitable[dict[str, Any]]]
    unsupported: frozenset[str] = field(default_factory=frozenset)

    def device_object(self) -> dict[str, Any]:
        """Return DeviceObject (8.1.1) with the current name."""
        return DEVICE_OBJECT.write({**self.device, "deviceName": self.settings.device_name})
