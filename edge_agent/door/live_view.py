"""Live view of the door: the newest picture and the last reading.

The door's loop writes here and never waits; viewers come and look.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.temperature import BodyTemperature
from edge_agent.drivers import Frame
from face_engine import DetectedFace


@dataclass(frozen=True, slots=True, eq=False)
class LiveFrame:
    """One picture.

    Attributes:
        frame: as the camera gave it.
        at_s: moment of the monotonic clock at which it came.
        faces: where faces are framed in it; empty when the settings ask for no frames.
    """

    frame: Frame = field(repr=False)
    at_s: float
    faces: tuple[DetectedFace, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveReading:
    """One body temperature.

    Attributes:
        c: in °C.
        at_s: moment of the monotonic clock.
    """

    c: float
    at_s: float


class LiveView:
    """The newest of everything.

    Attributes:
        view: the newest picture, None before the first.
        reading: the last reading, None before the first.
        thermometer_works: False when it failed the last time it was asked.
    """

    def __init__(self) -> None:
        self.view: LiveFrame | None = None
        self.reading: LiveReading | None = None
        self.thermometer_works = True

    def show(
        self, frame: Frame, at_s: float, door: DoorSettings, faces: Sequence[DetectedFace] = ()
    ) -> None:
        """Record a picture with the faces found in it."""
        framed = tuple(faces) if door.face.draws_frame else ()
        self.view = LiveFrame(frame, at_s, framed)

    def measured(self, body: BodyTemperature | None, at_s: float, *, works: bool) -> None:
        """Record a reading of the thermometer."""
        self.thermometer_works = works
        if body is not None:
            self.reading = LiveReading(body.c, at_s)
