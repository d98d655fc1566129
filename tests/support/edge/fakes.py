"""Stand-ins for what a test does not want to have for real; they discriminate."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_agent.drivers.base import Frame, HeatReading, Prompt
from edge_agent.drivers.clock import SystemClock
from edge_agent.drivers.exceptions import DriverError
from face_engine import DetectedFace

DIMENSION = 32


def person_image(shade: int) -> NDArray[np.uint8]:
    """A picture of somebody: each shade from 40 to 255 is another person; 0 shows nobody."""
    return np.full((64, 64, 3), shade, dtype=np.uint8)


def person_jpeg(shade: int, *, remark: bytes = b"") -> bytes:
    """The same as a file; a remark makes it another file of the same person."""
    sink = io.BytesIO()
    Image.fromarray(person_image(shade)).save(sink, "JPEG", quality=95, comment=remark)
    return sink.getvalue()


class FakeEngine:
    """A `FaceEngine` that tells people apart by the shade of their picture."""

    threshold = 0.42
    dimension = DIMENSION

    def __init__(self, contract_id: str = "fake/1") -> None:
        self.contract_id = contract_id
        self.described = 0

    def detect(self, image: NDArray[np.uint8], *, size: int = 320) -> list[DetectedFace]:
        if image.mean() < 20:
            return []
        return [DetectedFace((8.0, 8.0, 48.0, 48.0), 0.9, np.zeros((5, 2), dtype=np.float32))]

    def describe(
        self, image: NDArray[np.uint8], faces: Sequence[DetectedFace]
    ) -> NDArray[np.float32]:
        self.described += len(faces)
        # Pictures of one shade survive JPEG within one level; ten levels are one person.
        seed = [round(float(image.mean()) / 10), *self.contract_id.encode()]
        vector = np.random.default_rng(seed).normal(size=DIMENSION)
        return np.tile((vector / np.linalg.norm(vector)).astype(np.float32), (len(faces), 1))

    def largest_descriptor(self, image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        faces = self.detect(image)
        return self.describe(image, faces)[0] if faces else None

    def warm_up(self) -> None:
        """Nothing to warm."""


class ManualClock:
    """A `Clock` that moves only when told."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
        self._monotonic_s = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic_s += seconds


class ListCamera:
    """A `Camera` that shows the given frames and ends."""

    def __init__(self, frames: Sequence[Frame] = ()) -> None:
        self.frames = list(frames)

    async def open(self) -> None:
        """Nothing to open."""

    async def next_frame(self) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    async def close(self) -> None:
        """Nothing to close."""


class ScriptedThermometer:
    """A `Thermometer` with a fixed reading, or broken."""

    def __init__(self, reading_c: float | None = 36.5) -> None:
        self.reading_c = reading_c
        self.is_broken = False

    async def open(self) -> None:
        """Nothing to open."""

    async def read(self, frame: Frame) -> HeatReading | None:
        if self.is_broken:
            raise DriverError("the sensor is gone")
        if self.reading_c is None:
            return None
        return HeatReading(np.full((1, 1), self.reading_c, dtype=np.float32), is_body=True)

    async def close(self) -> None:
        """Nothing to close."""


class ListPrompter:
    """A `Prompter` that remembers."""

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []

    async def open(self) -> None:
        """Nothing to open."""

    async def prompt(self, prompt: Prompt) -> None:
        self.prompts.append(prompt)

    async def close(self) -> None:
        """Nothing to close."""


class ListCardReader:
    """A `CardReader` to which the given cards are held, and perhaps something breaks then."""

    def __init__(self) -> None:
        self.cards: list[str | DriverError] = []
        self.opened = 0
        self.is_open = False

    async def open(self) -> None:
        self.opened += not self.is_open
        self.is_open = True

    async def next_card(self) -> str | None:
        card = self.cards.pop(0) if self.cards else None
        if isinstance(card, DriverError):
            raise card
        return card

    async def close(self) -> None:
        self.is_open = False


class ListEventLog:
    """An `EventLog` that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.events: list[dict[str, Any]] = []

    def write(self, event: str, line: str, **facts: Any) -> None:
        self.lines.append(line)
        self.events.append({"event": event, **facts})


class JumpingClock(SystemClock):
    """The computer's clock, with time that passes at once."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_s = 0.0

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self._passed_s += seconds

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._passed_s)

    def set(self, moment: datetime) -> None:
        super().set(moment - timedelta(seconds=self._passed_s))

    def monotonic(self) -> float:
        return super().monotonic() + self._passed_s
