"""Comparison of a photo with the people of this terminal, without disturbing the agent."""

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from edge_agent.config import AgentConfig
from edge_agent.recognition import Library, quality_of
from edge_agent.storage import DATABASE_NAME, EnrolledPerson, Match, open_read_only, read_enrolled
from face_engine import FaceEngine, QualityProblem, assess, decode_image

Outcome = TypeVar("Outcome")

_FACES_MOST: Final = 10


@dataclass(frozen=True, slots=True)
class FaceMatches:
    """One face of the photo.

    Attributes:
        box: left, top, width, height in pixels of the photo.
        quality: 0 to 1, as at the door.
        problems: what would be wrong with it as a photo on file; of the main face only.
        nearest: people, nearest first.
    """

    box: tuple[float, float, float, float]
    quality: float
    problems: tuple[QualityProblem, ...]
    nearest: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class MatchReport:
    """Result of the comparison.

    Attributes:
        width, height: of the photo, in pixels.
        faces: largest first.
        least_similarity: from here on it is the same person.
        known: how many people were compared with.
        left_out: how many were not, because another face model described them.
        took_ms: step to milliseconds.
    """

    width: int
    height: int
    faces: tuple[FaceMatches, ...]
    least_similarity: int
    known: int
    left_out: int
    took_ms: dict[str, float]

    @property
    def is_recognised(self) -> bool:
        """Whether the main face is recognised."""
        nearest = self.faces[0].nearest if self.faces else ()
        return bool(nearest) and nearest[0].similarity >= self.least_similarity

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values."""
        return {
            "width": self.width,
            "height": self.height,
            "recognised": self.is_recognised,
            "least_similarity": self.least_similarity,
            "known": self.known,
            "left_out": self.left_out,
            "took_ms": self.took_ms,
            "faces": [
                {
                    "box": [round(one) for one in face.box],
                    "quality": round(face.quality, 3),
                    "problems": [one.value for one in face.problems],
                    "nearest": [
                        {
                            "user_id": one.user_id,
                            "name": one.name,
                            "user_type": one.user_type,
                            "similarity": one.similarity,
                            "is_match": one.similarity >= self.least_similarity,
                        }
                        for one in face.nearest
                    ],
                }
                for face in self.faces
            ],
        }


def match_photo(config: AgentConfig, engine: FaceEngine, raw: bytes, *, top: int) -> MatchReport:
    """Compare the faces of a photo with all people the terminal holds.

    Args:
        config: of the terminal.
        engine: the face models.
        raw: JPEG, PNG, WebP or BMP.
        top: how many people for each face.

    Raises:
        ImageUnreadable: the photo is none.
        sqlite3.DatabaseError: the terminal's database cannot be read.
    """
    took_ms: dict[str, float] = {}
    image = _timed(took_ms, "decode", lambda: decode_image(raw))
    found = _timed(took_ms, "find", lambda: engine.detect(image, size=config.detector_px))
    found = found[:_FACES_MOST]
    descriptors = _timed(took_ms, "describe", lambda: engine.describe(image, found))
    people = _timed(took_ms, "read_people", lambda: _people(config, engine.dimension))
    library = Library(
        contract_id=engine.contract_id,
        dimension=engine.dimension,
        threshold=engine.threshold,
        least_similarity=config.match_similarity,
    )
    _timed(took_ms, "index_people", lambda: library.replace(people))
    nearest = _timed(took_ms, "search", lambda: [library.nearest(one, top) for one in descriptors])
    height, width = image.shape[:2]
    problems = assess(image, found).problems if found else ()
    return MatchReport(
        width=width,
        height=height,
        faces=tuple(
            FaceMatches(face.box, quality_of(image, face), () if number else problems, who)
            for number, (face, who) in enumerate(zip(found, nearest, strict=True))
        ),
        least_similarity=library.least_similarity,
        known=len(library),
        left_out=len(people) - len(library),
        took_ms=took_ms,
    )


def _people(config: AgentConfig, dimension: int) -> list[EnrolledPerson]:
    path = config.data_dir / DATABASE_NAME
    if not path.exists():
        return []
    with closing(open_read_only(path)) as connection:
        return read_enrolled(connection, dimension)


def _timed(took_ms: dict[str, float], step: str, work: Callable[[], Outcome]) -> Outcome:
    begin_s = time.perf_counter()
    outcome = work()
    took_ms[step] = round((time.perf_counter() - begin_s) * 1000, 2)
    return outcome
