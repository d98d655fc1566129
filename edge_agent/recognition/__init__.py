"""Recognition of faces: models, the library in memory, and people entered at the terminal."""

from edge_agent.recognition.face_attributes import FaceAttributes, load_face_attributes
from edge_agent.recognition.face_settings import FACE_MAX_PX, FaceSettings, SnapshotKind
from edge_agent.recognition.library import Library
from edge_agent.recognition.liveness import Liveness, judge_movement
from edge_agent.recognition.local_people import LocalPeople, NewPerson, PersonProblem, UserFilter
from edge_agent.recognition.mask import Mask
from edge_agent.recognition.motion import MotionGate
from edge_agent.recognition.recogniser import (
    PictureProblem,
    Recogniser,
    Sighting,
    VisitGate,
    quality_of,
)

__all__ = [
    "FACE_MAX_PX",
    "FaceAttributes",
    "FaceSettings",
    "Library",
    "Liveness",
    "LocalPeople",
    "Mask",
    "MotionGate",
    "NewPerson",
    "PersonProblem",
    "PictureProblem",
    "Recogniser",
    "Sighting",
    "SnapshotKind",
    "UserFilter",
    "VisitGate",
    "judge_movement",
    "load_face_attributes",
    "quality_of",
]
