"""Tracks of faces from picture to picture: pure, without clock, models or disk."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.recognition import Sighting
from face_engine import DetectedFace

LOST_AFTER_S: Final = 1.0
TRACKS_MOST: Final = 8  # more faces at once are passed over, smallest first
_CENTRE_MOST: Final = 0.8  # of the face's size: how far it may move between two pictures
_SIZE_RATIO_MOST: Final = 1.8
_LANDMARKS_KEPT: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One face in one picture.

    Attributes:
        quality: 0 to 1, how well a person can be recognised by it.
    """

    image: NDArray[np.uint8] = field(repr=False)
    face: DetectedFace
    quality: float
    at_s: float


@dataclass(slots=True, eq=False)
class Track:
    """One person's track for as long as they are in view.

    Attributes:
        best: the best picture so far.
        tried: quality of the picture that was last compared; below 0 when none was.
        tries: how often that was done.
        is_done: whether this visit is decided.
        was_asked: whether they were asked to look at the camera.
        points: their five landmarks in the last pictures, (5, 2) each, oldest first.
        descriptor: (dimension,) float32 of the picture last compared.
        sighting: what comparing it said.
        is_known: whether they were recognised when it was decided.
    """

    number: int
    best: Shot
    first_s: float
    last_s: float
    face: DetectedFace
    tried: float = -1.0
    tries: int = 0
    is_done: bool = False
    was_asked: bool = False
    points: list[NDArray[np.float32]] = field(default_factory=list, repr=False)
    descriptor: NDArray[np.float32] | None = field(default=None, repr=False)
    sighting: Sighting | None = field(default=None, repr=False)
    is_known: bool = False

    def add(self, shot: Shot) -> None:
        """Add another picture of the person."""
        self.face, self.last_s = shot.face, shot.at_s
        if shot.quality > self.best.quality:
            self.best = shot
        self.points.append(shot.face.landmarks)
        del self.points[:-_LANDMARKS_KEPT]


class Tracker:
    """Match the faces of consecutive pictures; holds at most `TRACKS_MOST` tracks."""

    def __init__(self) -> None:
        self.tracks: list[Track] = []
        self._numbers = 0

    def follow(self, shots: Sequence[Shot], now_s: float) -> list[Track]:
        """Process the faces of one picture.

        Args:
            shots: the faces in it.
            now_s: monotonic clock.

        Returns:
            The tracks seen in it, largest face first.
        """
        self.forget(now_s)
        free = list(self.tracks)
        seen = []
        for shot in sorted(shots, key=lambda one: one.face.size_px, reverse=True):
            track = min(free, key=lambda one: _distance(one.face, shot.face), default=None)
            if track is not None and math.isfinite(_distance(track.face, shot.face)):
                free.remove(track)
                track.add(shot)
                seen.append(track)
            elif len(self.tracks) < TRACKS_MOST:
                self._numbers += 1
                track = Track(self._numbers, shot, now_s, now_s, shot.face)
                track.points.append(shot.face.landmarks)
                self.tracks.append(track)
                seen.append(track)
        return seen

    def forget(self, now_s: float) -> list[Track]:
        """Remove and return tracks not seen for a while."""
        gone = [one for one in self.tracks if now_s - one.last_s > LOST_AFTER_S]
        self.tracks = [one for one in self.tracks if now_s - one.last_s <= LOST_AFTER_S]
        return gone

    def clear(self) -> list[Track]:
        """Remove and return all tracks."""
        gone, self.tracks = self.tracks, []
        return gone


def _distance(old: DetectedFace, new: DetectedFace) -> float:
    """Return the distance of two faces in face sizes; infinite for different people."""
    size = max(old.size_px, new.size_px)
    if size <= 0 or size > _SIZE_RATIO_MOST * min(old.size_px, new.size_px):
        return math.inf
    (x, y), (other_x, other_y) = _centre(old), _centre(new)
    apart = math.hypot(x - other_x, y - other_y) / size
    return apart if apart <= _CENTRE_MOST else math.inf


def _centre(face: DetectedFace) -> tuple[float, float]:
    left, top, width, height = face.box
    return left + width / 2, top + height / 2
