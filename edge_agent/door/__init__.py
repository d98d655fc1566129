"""Pipeline of the door: from a picture or a card to a decision and the relay."""

from edge_agent.door.cards import CardDesk
from edge_agent.door.devices import Devices
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.live_view import LiveFrame, LiveView
from edge_agent.door.pipeline import Pipeline
from edge_agent.door.terminal_settings import TerminalSettings
from edge_agent.door.watched_camera import WatchedCamera

__all__ = [
    "CardDesk",
    "Devices",
    "DoorSettings",
    "LiveFrame",
    "LiveView",
    "Pipeline",
    "TerminalSettings",
    "WatchedCamera",
]
