"""Visit detection before a live camera: one visit for each person, not for each picture."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from edge_agent.config import LivenessMode
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.tracks import Shot, Track, Tracker
from edge_agent.drivers import Frame
from edge_agent.recognition import MotionGate, Recogniser, Sighting, VisitGate, judge_movement
from face_engine import DetectedFace

# Comparing again must be worth the time of a descriptor.
_BETTER: Final = 0.05
_TRIES_MOST: Final = 6
# Who is still too badly seen after so many times `decide_after_s` is decided about all the same.
_UNRECOGNISED_AFTER_S: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Visitor:
    """A visitor the door has to decide about now.

    Attributes:
        sighting: who it seems to be.
        face: where in `frame`; None for a picture in which it was not kept.
        frame: the picture that the sighting is from, or one of the same moment.
        seen_at_s: moment of the monotonic clock from which they wait.
    """

    sighting: Sighting
    frame: Frame = field(repr=False)
    seen_at_s: float
    face: DetectedFace | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FrameOutcome:
    """Result of one picture.

    Attributes:
        visitors: largest face first.
        prompts_to_look: whether a visitor should look at the camera.
        is_empty: whether no track is left.
        faces: of those who are followed, in this picture.
    """

    visitors: tuple[Visitor, ...] = ()
    prompts_to_look: bool = False
    is_empty: bool = False
    faces: tuple[DetectedFace, ...] = ()


class VisitDetector:
    """Track people and determine when to decide about each.

    A good picture that is recognised is decided about at once. A stranger is one only after
    `decide_after_s` of the settings, since a better picture may follow; one who is recognised
    later, because they came closer, is a visitor after all.

    Attributes:
        faces_seen: faces found so far.
    """

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._motion = MotionGate()
        self._tracker = Tracker()
        self._visits = VisitGate()
        self.faces_seen = 0

    async def take(self, frame: Frame, now_s: float, door: DoorSettings) -> FrameOutcome:
        """Process one picture.

        Args:
            frame: of a camera that never stops.
            now_s: monotonic clock.
            door: the settings that hold now.
        """
        visitors = await self._decide_all(self._tracker.forget(now_s), door)
        is_idle = door.looking.motion_gate and not self._tracker.tracks
        if is_idle and not self._motion.has_motion(frame.image, now_s):
            return FrameOutcome(tuple(visitors), is_empty=True)
        shots = await self._shots(frame, now_s, door)
        asks = False
        followed = self._tracker.follow(shots, now_s)
        for track in followed:
            if track.is_done and track.descriptor is not None:
                self._visits.stay(track.descriptor, now_s)
            visitor = await self._consider(track, frame, now_s, door)
            if visitor is not None:
                visitors.append(visitor)
            asks |= track.was_asked and not track.is_done
        return FrameOutcome(
            *(tuple(visitors), asks),
            is_empty=not self._tracker.tracks,
            faces=tuple(track.face for track in followed),
        )

    async def finish(self, door: DoorSettings) -> list[Visitor]:
        """Drop all tracks; return the visitors that are not decided yet."""
        return await self._decide_all(self._tracker.clear(), door)

    async def _decide_all(self, gone: Sequence[Track], door: DoorSettings) -> list[Visitor]:
        waiting = [track for track in gone if not track.is_done]
        return [one for track in waiting if (one := await self._decide_lost(track, door))]

    async def _shots(self, frame: Frame, now_s: float, door: DoorSettings) -> Sequence[Shot]:
        found = await self._recogniser.find(frame.image, door.face)
        self.faces_seen += len(found)
        return [Shot(frame.image, face, quality, now_s) for face, quality in found]

    async def _consider(
        self, track: Track, frame: Frame, now_s: float, door: DoorSettings
    ) -> Visitor | None:
        """Return whether it is time to decide about a track."""
        waited_s = now_s - track.first_s
        is_due = waited_s >= door.looking.decide_after_s
        quality = track.best.quality
        if quality < door.looking.least_quality and waited_s < (
            _UNRECOGNISED_AFTER_S * door.looking.decide_after_s
        ):
            track.was_asked = track.was_asked or is_due
            return None
        if not is_due and quality < door.looking.good_quality:
            return None
        if track.is_done and (track.descriptor is None or not self._is_stranger(track)):
            return None
        sighting = await self._compare(track, door)
        if sighting is None or (track.is_done and sighting.match is None):
            return None
        if sighting.match is None and not is_due:
            return None
        return self._decided(track, sighting, frame, now_s, door)

    def _is_stranger(self, track: Track) -> bool:
        return track.tries < _TRIES_MOST and not track.is_known

    async def _compare(self, track: Track, door: DoorSettings) -> Sighting | None:
        """Compare the best picture, unless an equally good one was compared already."""
        best = track.best
        is_new = track.tries == 0 or best.quality >= track.tried + _BETTER
        if track.tries >= _TRIES_MOST or (not is_new and track.is_done):
            return None
        if not is_new and track.sighting is not None:
            return track.sighting
        track.tries += 1
        track.tried = best.quality
        sighting = await self._recogniser.identify(best.image, best.face, door.face)
        track.descriptor, track.sighting = sighting.descriptor, sighting
        return sighting

    def _decided(
        self, track: Track, sighting: Sighting, frame: Frame, now_s: float, door: DoorSettings
    ) -> Visitor | None:
        was_stranger = track.is_done
        track.is_done, track.is_known = True, sighting.match is not None
        is_new = self._visits.is_new(sighting.descriptor, now_s, gap_s=door.visit_gap_s)
        if not is_new and not (was_stranger and track.is_known):
            return None
        # The last face, because that is where the thermometer sees them now.
        judged = _with_movement(track, sighting, door)
        return Visitor(judged, frame, now_s, track.face)

    async def _decide_lost(self, track: Track, door: DoorSettings) -> Visitor | None:
        """Decide about a visitor who left early, without measuring them any more."""
        if track.best.quality < door.looking.least_quality:
            return None
        sighting = await self._compare(track, door)
        if sighting is None:
            return None
        track.is_done = True
        if not self._visits.is_new(sighting.descriptor, track.last_s, gap_s=door.visit_gap_s):
            return None
        judged = _with_movement(track, sighting, door)
        return Visitor(judged, Frame(image=track.best.image), track.last_s)


def _with_movement(track: Track, sighting: Sighting, door: DoorSettings) -> Sighting:
    if door.looking.liveness is not LivenessMode.MOVEMENT:
        return sighting
    return sighting.judged(judge_movement(track.points))
