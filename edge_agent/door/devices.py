"""Devices of one door; the failure of one costs a reading, not a visit."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from edge_agent.config import TemperatureConfig
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.temperature import BodyTemperature, body_temperature
from edge_agent.drivers import (
    Camera,
    CardReader,
    Clock,
    Cue,
    DriverError,
    Frame,
    Prompt,
    Prompter,
    Relay,
    Thermometer,
)
from edge_agent.drivers.absent import NoCardReader, NoPrompter
from edge_agent.storage import Match
from face_engine import DetectedFace

logger = logging.getLogger(__name__)

_THERMOMETER_LIMIT_S: Final = 1.5  # the interface promises one second


@dataclass(frozen=True, slots=True)
class Devices:
    """The drivers of one door."""

    camera: Camera
    relay: Relay
    thermometer: Thermometer
    clock: Clock
    prompter: Prompter = field(default_factory=NoPrompter)
    card_reader: CardReader = field(default_factory=NoCardReader)


class _Health:
    """Whether a device works; logs when that changes, not every time."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.works = True

    def failed(self) -> None:
        if self.works:
            logger.exception("%s_failed", self._name)
        self.works = False

    def worked(self) -> None:
        if not self.works:
            logger.info("%s_works", self._name)
        self.works = True


class BodyThermometer:
    """A thermometer with the computation of body temperature from its readings."""

    def __init__(self, sensor: Thermometer) -> None:
        self._sensor = sensor
        self._health = _Health("thermometer")

    @property
    def works(self) -> bool:
        """Whether the last measurement was answered."""
        return self._health.works

    async def measure(
        self, frame: Frame, face: DetectedFace | None, config: TemperatureConfig
    ) -> BodyTemperature | None:
        """Measure a visitor; None without a reading to be trusted.

        Args:
            frame: the newest picture of them.
            face: where they are in it.
            config: calibration.
        """
        try:
            async with asyncio.timeout(_THERMOMETER_LIMIT_S):
                reading = await self._sensor.read(frame)
        except (DriverError, TimeoutError):
            self._health.failed()
            return None
        self._health.worked()
        if reading is None:
            return None
        height, width = frame.image.shape[:2]
        return body_temperature(reading, face=face, frame_size=(height, width), config=config)


class Announcer:
    """Give cues to people at the door; a cue meant for no particular person is not repeated.

    While voice prompts are switched off (8.1.5), only silent prompters are used.
    """

    def __init__(self, prompter: Prompter, *, door: Callable[[], DoorSettings]) -> None:
        self._prompter = prompter
        self._door = door
        self._is_soundless = bool(getattr(prompter, "is_soundless", False))
        self._health = _Health("prompter")
        self._last = Cue.IDLE

    async def announce(
        self, cue: Cue, *, match: Match | None = None, body: BodyTemperature | None = None
    ) -> None:
        """Give a cue; a fever replaces a refusal, also for a stranger.

        Args:
            cue: the cue to give.
            match: the person who is addressed, None for a stranger.
            body: their temperature, None without one.
        """
        door = self._door()
        if not (door.has_voice or self._is_soundless):
            self._last = Cue.IDLE
            return
        is_high = body is not None and body.c >= door.rules.temperature_limit_c
        if is_high and cue in {Cue.REFUSED, Cue.STRANGER}:
            cue = Cue.FEVER
        if cue is self._last and cue in {Cue.IDLE, Cue.LOOK_HERE}:
            return
        self._last = cue
        try:
            await self._prompter.prompt(_prompt(cue, match, body))
        except DriverError:
            self._health.failed()
        else:
            self._health.worked()


def _prompt(cue: Cue, match: Match | None, body: BodyTemperature | None) -> Prompt:
    temperature_c = None if body is None else body.c
    if match is None:
        return Prompt(cue, temperature_c=temperature_c)
    return Prompt(cue, match.name, temperature_c, match.welcome)
