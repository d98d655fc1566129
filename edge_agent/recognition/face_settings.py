"""Face settings of 8.1.4: which faces count, and which picture a record carries."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

FACE_MAX_PX: Final = 500  # seed 9.1: pictures of 300 to 500 px are best


class SnapshotKind(IntEnum):
    """``imgType`` of 8.1.4: which picture goes along."""

    FACE = 0
    WHOLE = 1
    BOTH = 2


@dataclass(frozen=True, slots=True)
class FaceSettings:
    """Settings of detection, comparison and snapshot.

    Attributes:
        is_comparing: whether faces are compared with the library (faceCmpEnable).
        least_score: faces the detector is less sure of are passed over, 0 to 1 (faceThre / 10).
        face_min_px: smaller faces are passed over (faceMinsize).
        face_max_px: longest side of the picture of a face (faceMaxsize).
        kind: which picture goes along (imgType).
        draws_frame: whether the face is framed in the whole picture (faceFrame).
    """

    is_comparing: bool = True
    least_score: float = 0.0
    face_min_px: int = 0
    face_max_px: int = FACE_MAX_PX
    kind: SnapshotKind = SnapshotKind.FACE
    draws_frame: bool = False
