"""Types and interfaces of the face engine."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

RgbImage = NDArray[np.uint8]
"""Shape (height, width, 3), uint8, RGB, upright; (0, 0) is the top left pixel."""

Descriptor = NDArray[np.float32]
"""Shape (dimension,), float32, Euclidean length 1."""


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFace:
    """One face in one picture, in pixels of that picture.

    Attributes:
        box: left, top, width, height; floats, may reach beyond the edges of the picture.
        score: the detector's confidence, 0..1.
        landmarks: (5, 2) float32, x and y of: eye on the left of the picture, eye on the right,
            tip of the nose, left and right corner of the mouth.
    """

    box: tuple[float, float, float, float]
    score: float
    landmarks: NDArray[np.float32]

    @property
    def size_px(self) -> float:
        """The shorter side of the box, in pixels."""
        return min(self.box[2], self.box[3])


@runtime_checkable
class FaceEngine(Protocol):
    """Finds and describes faces. Safe to share between threads; one per process is enough."""

    @property
    def contract_id(self) -> str:
        """Identifier of the descriptors: model, digest of its file, alignment.

        Stored beside every descriptor. Descriptors with different contracts are never compared.
        """
        ...

    @property
    def dimension(self) -> int:
        """Length of a descriptor."""
        ...

    @property
    def threshold(self) -> float:
        """Cosine from which on two descriptors are taken for the same person.

        Chosen for a false-accept rate, see docs/faces.md.
        """
        ...

    def detect(self, image: RgbImage, *, size: int = 320) -> list[DetectedFace]:
        """Find faces.

        Args:
            image: any size.
            size: pixels of the longer side at which the detector looks; larger finds smaller
                faces and takes longer, in proportion to the area.

        Returns:
            The faces, the main one (area times score) first; empty when there is none.
        """
        ...

    def describe(self, image: RgbImage, faces: Sequence[DetectedFace]) -> NDArray[np.float32]:
        """Descriptors of faces, in one batch.

        Args:
            image: the picture in which `faces` were detected.
            faces: any number, also none.

        Returns:
            (len(faces), dimension) float32, each row of length 1.
        """
        ...

    def largest_descriptor(self, image: RgbImage) -> Descriptor | None:
        """Descriptor of the main face of a picture, None when there is no face."""
        ...

    def warm_up(self) -> None:
        """Run everything once, so that the first real picture is not the slow one."""
        ...


@runtime_checkable
class VectorIndex(Protocol):
    """Exact nearest neighbours by inner product; for vectors of length 1 that is the cosine.

    An index is a disposable projection of stored descriptors. Safe to share between threads:
    changes and searches exclude each other.
    """

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        ...

    def __len__(self) -> int:
        """How many vectors the index holds."""
        ...

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """Add vectors; one whose id is already there replaces the old one.

        Args:
            ids: (n,) int64, not negative, no id twice.
            vectors: (n, dimension) float32, finite.

        Raises:
            ValueError: for shapes, ids or numbers that are not as described; nothing is added.
        """
        ...

    def remove(self, ids: NDArray[np.int64]) -> int:
        """Remove vectors; ids that are not there are ignored.

        Returns:
            How many were removed.
        """
        ...

    def search(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Find the k nearest of each of n vectors.

        Args:
            vectors: (n, dimension) float32.
            k: at least 1.

        Returns:
            Scores (n, k) float32, best first, equal scores by ascending id; ids (n, k) int64.
            Where fewer than k are held, the rest is id -1 with score minus infinity. Which of
            several that tie for the last place is given is not defined.

        Raises:
            ValueError: for a wrong shape or k below 1.
        """
        ...

    def to_bytes(self) -> bytes:
        """Serialise the index; every implementation reads the format of the others."""
        ...

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """Read what `to_bytes` wrote.

        Raises:
            IndexInvalid: when it is something else or damaged.
        """
        ...


class InferenceSession(Protocol):
    """The one method of onnxruntime's session that is used here."""

    def run(
        self, output_names: Sequence[str] | None, inputs: dict[str, NDArray[Any]]
    ) -> list[NDArray[np.float32]]:
        """Run the graph; arrays in, arrays out."""
        ...
