"""Drivers of hardware: cameras, relays, thermometers, card readers, prompters, clocks."""

from edge_agent.drivers.base import (
    Camera,
    CardReader,
    Clock,
    Cue,
    Frame,
    HeatReading,
    Prompt,
    Prompter,
    Relay,
    Thermometer,
)
from edge_agent.drivers.clock import Backoff, SystemClock, jittered
from edge_agent.drivers.event_log import ConsoleEventLog, EventLog, redacted
from edge_agent.drivers.exceptions import (
    DriverError,
    DriverProtocolError,
    DriverTimeout,
    DriverUnavailable,
)

__all__ = [
    "Backoff",
    "Camera",
    "CardReader",
    "Clock",
    "ConsoleEventLog",
    "Cue",
    "DriverError",
    "DriverProtocolError",
    "DriverTimeout",
    "DriverUnavailable",
    "EventLog",
    "Frame",
    "HeatReading",
    "Prompt",
    "Prompter",
    "Relay",
    "SystemClock",
    "Thermometer",
    "jittered",
    "redacted",
]
