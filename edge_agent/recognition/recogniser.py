"""Recogniser: face models and library behind one named thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_agent.recognition.face_attributes import FaceAttributes
from edge_agent.recognition.face_settings import FaceSettings
from edge_agent.recognition.library import Library
from edge_agent.recognition.liveness import Liveness
from edge_agent.recognition.mask import Mask
from edge_agent.recognition.snapshots import snapshot
from edge_agent.storage import AppliedChanges, EnrolledPerson, Match
from face_engine import DetectedFace, FaceEngine, ImageUnreadable, assess, decode_image

Result = TypeVar("Result")


class PictureProblem(StrEnum):
    """Reason why a library picture gives no descriptor."""

    NO_FACE = "no_face"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in front of the camera.

    Attributes:
        match: who it is, None for a stranger.
        descriptor: (dimension,) float32, length 1.
        snapshot: JPEG of the face with some surroundings, 300 to 500 px, without metadata; or of
            the whole picture, as `FaceSettings` says.
        face: where it is in the picture; None when it was not asked for.
        mask: what is worn, as far as it is known.
        liveness: a person or a picture of one, as far as it is known.
    """

    match: Match | None
    descriptor: NDArray[np.float32] = field(repr=False)
    snapshot: bytes = field(repr=False)
    face: DetectedFace | None = field(default=None, repr=False)
    mask: Mask = Mask.UNKNOWN
    liveness: Liveness = Liveness.UNKNOWN

    def judged(self, liveness: Liveness) -> "Sighting":
        """Return the same with a verdict about life."""
        return replace(self, liveness=liveness)


class Recogniser:
    """Detect and recognise faces; all work runs on one thread in the order of the calls."""

    def __init__(
        self,
        engine: FaceEngine,
        *,
        least_similarity: int,
        detector_px: int,
        attributes: FaceAttributes | None = None,
    ) -> None:
        self._engine = engine
        self._attributes = attributes or FaceAttributes()
        self._detector_px = detector_px
        self._library = Library(
            contract_id=engine.contract_id,
            dimension=engine.dimension,
            threshold=engine.threshold,
            least_similarity=least_similarity,
        )
        self._thread: ThreadPoolExecutor | None = None

    @property
    def contract_id(self) -> str:
        """Contract of this recogniser's descriptors."""
        return self._engine.contract_id

    @property
    def known(self) -> int:
        """How many people can be recognised; may be asked from any thread."""
        return len(self._library)

    @property
    def dimension(self) -> int:
        """How many numbers a descriptor has."""
        return self._engine.dimension

    async def open(self) -> None:
        """Start the thread and warm the models up."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="faces")
            await self._run(self._engine.warm_up)

    async def close(self) -> None:
        """End the thread after its current work."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)

    async def answer(self) -> None:
        """Return when the thread has answered, which shows that it is alive."""
        await self._run(_nothing)

    async def recognise(
        self, image: NDArray[np.uint8], how: FaceSettings | None = None
    ) -> Sighting | None:
        """Recognise the main face in a picture of the camera.

        Args:
            image: (height, width, 3) uint8, RGB.
            how: what to pass over and which picture to keep; None for the usual.

        Returns:
            The main face, None when there is no face.
        """
        return await self._run(lambda: self._recognise(image, how or FaceSettings()))

    async def find(
        self, image: NDArray[np.uint8], how: FaceSettings
    ) -> list[tuple[DetectedFace, float]]:
        """Find faces and judge how well each can be recognised, without doing so.

        Args:
            image: (height, width, 3) uint8, RGB.
            how: what to pass over.

        Returns:
            Faces, largest first, each with its quality from 0 to 1.
        """
        return await self._run(
            lambda: [(one, quality_of(image, one)) for one in self._faces(image, how)]
        )

    async def identify(
        self, image: NDArray[np.uint8], face: DetectedFace, how: FaceSettings
    ) -> Sighting:
        """Describe and compare one face that was found in a picture."""
        return await self._run(lambda: self._sighting(image, face, how))

    async def describe(
        self, picture: bytes, *, max_bytes: int
    ) -> NDArray[np.float32] | PictureProblem:
        """Compute the descriptor of the main face of a picture file.

        Args:
            picture: JPEG and the like.
            max_bytes: a longer file counts as unreadable.

        Returns:
            (dimension,) float32 of length 1, or why there is none.
        """
        return await self._run(lambda: self._describe(picture, max_bytes))

    async def hold(self, people: list[EnrolledPerson]) -> int:
        """Replace the library by these people; returns how many they are."""

        def work() -> int:
            self._library.replace(people)
            return len(self._library)

        return await self._run(work)

    async def follow(self, applied: AppliedChanges) -> int:
        """Follow a transaction of the store; how many people can be recognised now."""

        def work() -> int:
            self._library.apply(applied)
            return len(self._library)

        return await self._run(work)

    def _recognise(self, image: NDArray[np.uint8], how: FaceSettings) -> Sighting | None:
        faces = self._faces(image, how)
        return self._sighting(image, faces[0], how) if faces else None

    def _faces(self, image: NDArray[np.uint8], how: FaceSettings) -> list[DetectedFace]:
        return [
            face
            for face in self._engine.detect(image, size=self._detector_px)
            if face.score >= how.least_score and face.size_px >= how.face_min_px
        ]

    def _sighting(
        self, image: NDArray[np.uint8], face: DetectedFace, how: FaceSettings
    ) -> Sighting:
        descriptor = self._engine.describe(image, [face])[0]
        return Sighting(
            match=self._library.match(descriptor) if how.is_comparing else None,
            descriptor=descriptor,
            snapshot=snapshot(image, face, how),
            face=face,
            mask=self._attributes.mask(image, face),
            liveness=self._attributes.liveness(image, face),
        )

    def _describe(self, picture: bytes, max_bytes: int) -> NDArray[np.float32] | PictureProblem:
        try:
            image = decode_image(picture, max_bytes=max_bytes)
        except ImageUnreadable:
            return PictureProblem.UNREADABLE
        descriptor = self._engine.largest_descriptor(image)
        return PictureProblem.NO_FACE if descriptor is None else descriptor

    async def _run(self, work: Callable[[], Result]) -> Result:
        if self._thread is None:
            raise RuntimeError("the recogniser is not open")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _nothing() -> None:
    """Do nothing, on the thread."""


_GOOD_FACE_PX: Final = 90.0  # more pixels hardly help a descriptor of 112 px
_GOOD_SHARPNESS: Final = 0.03
_STRAIGHT_DEG: Final = 12.0  # what five points are good for; less is straight
_TURNED_DEG: Final = 45.0


def quality_of(image: NDArray[np.uint8], face: DetectedFace) -> float:
    """How well a person can be recognised by a picture: 0 not at all, 1 as well as can be.

    The product of size, sharpness, pose and light, so that one that is bad spoils it; for comparing
    pictures of one visit, not a probability.

    Args:
        image: (height, width, 3) uint8, RGB.
        face: where in it.
    """
    report = assess(image, [face])
    turned = max(abs(report.yaw_deg), abs(report.pitch_deg), abs(report.roll_deg))
    pose = (_TURNED_DEG - max(turned, _STRAIGHT_DEG)) / (_TURNED_DEG - _STRAIGHT_DEG)
    light = min(report.brightness / 60.0, report.contrast / 20.0, 1.0) * (1.0 - report.overexposed)
    parts = (report.face_px / _GOOD_FACE_PX, report.sharpness / _GOOD_SHARPNESS, pose, light)
    quality = 1.0
    for part in parts:
        quality *= min(max(part, 0.0), 1.0)
    return quality


# Two looks at one person, moments apart, are far above any threshold for "the same person".
_SAME_VISITOR_COSINE: Final = 0.5
_REMEMBERED: Final = 16


class VisitGate:
    """Distinguish a new visit from another picture of the same one, for continuous cameras."""

    def __init__(self) -> None:
        self._seen: list[tuple[NDArray[np.float32], float]] = []

    def is_new(self, descriptor: NDArray[np.float32], now_s: float, *, gap_s: float) -> bool:
        """Note a face and return whether it begins a visit.

        Args:
            descriptor: (dimension,) float32, length 1.
            now_s: monotonic clock.
            gap_s: seen again within this time, it is the same visit.
        """
        last_s = self.stay(descriptor, now_s)
        return last_s is None or now_s - last_s > gap_s

    def stay(self, descriptor: NDArray[np.float32], now_s: float) -> float | None:
        """Note that a visitor is still there; returns when they were last seen, if at all."""
        last_s = None
        for number, (known, at_s) in enumerate(self._seen):
            if float(known @ descriptor) >= _SAME_VISITOR_COSINE:
                last_s = at_s
                del self._seen[number]
                break
        self._seen.append((descriptor, now_s))
        del self._seen[:-_REMEMBERED]
        return last_s
