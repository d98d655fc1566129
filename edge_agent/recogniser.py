"""The face models and the library behind one named thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from edge_agent.door_settings import Looking
from edge_agent.library import Library, Match
from edge_agent.snapshots import snapshot
from edge_agent.store import Applied, HeldPerson
from face_engine import FaceEngine, ImageUnreadable, decode_image

Result = TypeVar("Result")


class PictureProblem(StrEnum):
    """Why a picture of the library gives no descriptor."""

    NO_FACE = "no_face"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """A face in front of the camera.

    Attributes:
        match: who it is, None for nobody.
        descriptor: (dimension,) float32, length 1.
        snapshot: JPEG of the face with some surroundings, 300 to 500 px, without metadata; or of
            the whole picture, as `Looking` says.
    """

    match: Match | None
    descriptor: NDArray[np.float32] = field(repr=False)
    snapshot: bytes = field(repr=False)


class Recogniser:
    """Looks at pictures. Everything runs on one thread, in the order in which it is asked."""

    def __init__(self, engine: FaceEngine, *, least_similarity: int, detector_px: int) -> None:
        self._engine = engine
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
        """What this recogniser's descriptors mean."""
        return self._engine.contract_id

    async def open(self) -> None:
        """Start the thread and warm the models up."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="faces")
            await self._run(self._engine.warm_up)

    async def close(self) -> None:
        """Let the thread end after what it is doing."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=False, cancel_futures=True)

    async def look(self, image: NDArray[np.uint8], how: Looking | None = None) -> Sighting | None:
        """Look at a picture from the camera.

        Args:
            image: (height, width, 3) uint8, RGB.
            how: what to pass over and which picture to keep; None for the usual.

        Returns:
            The main face, None when there is no face.
        """
        return await self._run(lambda: self._look(image, how or Looking()))

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

    async def hold(self, people: list[HeldPerson]) -> int:
        """Recognise exactly these people from now on; how many they are."""

        def work() -> int:
            self._library.replace(people)
            return len(self._library)

        return await self._run(work)

    async def follow(self, applied: Applied) -> int:
        """Follow a transaction of the store; how many people can be recognised now."""

        def work() -> int:
            self._library.apply(applied)
            return len(self._library)

        return await self._run(work)

    def _look(self, image: NDArray[np.uint8], how: Looking) -> Sighting | None:
        faces = [
            face
            for face in self._engine.detect(image, size=self._detector_px)
            if face.score >= how.least_score and face.size_px >= how.face_min_px
        ]
        if not faces:
            return None
        descriptor = self._engine.describe(image, faces[:1])[0]
        return Sighting(
            match=self._library.match(descriptor) if how.is_comparing else None,
            descriptor=descriptor,
            snapshot=snapshot(image, faces[0], how),
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


# Two looks at one person, moments apart, are far above any threshold for "the same person".
_SAME_VISITOR_COSINE: Final = 0.5


class VisitGate:
    """Tells a new visit from another frame of the same one, for cameras that never stop."""

    def __init__(self) -> None:
        self._last: NDArray[np.float32] | None = None
        self._last_seen_s = 0.0

    def is_new(self, descriptor: NDArray[np.float32], now_s: float, *, gap_s: float) -> bool:
        """Note a face and tell whether it begins a visit.

        Args:
            descriptor: (dimension,) float32, length 1.
            now_s: monotonic clock.
            gap_s: seen again within this time, it is the same visit.
        """
        same = (
            self._last is not None
            and now_s - self._last_seen_s <= gap_s
            and float(self._last @ descriptor) >= _SAME_VISITOR_COSINE
        )
        self._last, self._last_seen_s = descriptor, now_s
        return not same
