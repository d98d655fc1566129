"""Quality of a photo for recognition, and advice to improve it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_engine.base import DetectedFace, RgbImage


class QualityProblem(StrEnum):
    """Problem of a photo; the values are stable and may be stored."""

    NO_FACE = "no_face"
    SEVERAL_FACES = "several_faces"
    FACE_TOO_SMALL = "face_too_small"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    TILTED = "tilted"
    TOO_DARK = "too_dark"
    TOO_BRIGHT = "too_bright"
    LOW_CONTRAST = "low_contrast"


PROBLEM_WORDS: Final = MappingProxyType(
    {
        QualityProblem.NO_FACE: (
            "No face was found. Use a photo that shows the whole face from the front."
        ),
        QualityProblem.SEVERAL_FACES: (
            "More than one face was found. Use a photo of this person alone, or crop it."
        ),
        QualityProblem.FACE_TOO_SMALL: (
            "The face is too small. Step closer, or use a photo with more pixels."
        ),
        QualityProblem.BLURRED: (
            "The face is blurred. Hold the camera still, focus on the face, and clean the lens."
        ),
        QualityProblem.TURNED_AWAY: (
            "The face is turned away. Look straight into the camera, neither up, down nor aside."
        ),
        QualityProblem.TILTED: (
            "The head is tilted or lies on its side. Turn the picture upright, or hold the head "
            "straight."
        ),
        QualityProblem.TOO_DARK: "The face is too dark. Put more light in front of the person.",
        QualityProblem.TOO_BRIGHT: (
            "The face is too bright. Avoid flash and direct sun on the face."
        ),
        QualityProblem.LOW_CONTRAST: (
            "The face has too little contrast. Avoid haze, backlight and reflections."
        ),
    }
)
"""For each problem, English words that tell a manager what to do."""


@dataclass(frozen=True, slots=True)
class QualityReport:
    """Measurements of the main face of a photo.

    Attributes:
        acceptable: no problems.
        problems: the most telling first.
        face_count: faces found in the whole picture.
        face_px: shorter side of the main face's box, pixels; 0 without a face, and so the rest.
        sharpness: variance of the Laplacian of the face at 112 px, relative to its contrast;
            0 is mush.
        yaw_deg: turned aside, degrees; positive: towards the right of the picture. Estimated from
            five points, good to about ten degrees.
        pitch_deg: positive: looking down; estimated likewise.
        roll_deg: head tilted, degrees; positive: clockwise in the picture.
        brightness: mean grey of the face, 0..255.
        contrast: standard deviation of grey of the face, 0..127.
        overexposed: part of the face that is almost white, 0..1.
    """

    acceptable: bool
    problems: tuple[QualityProblem, ...]
    face_count: int
    face_px: float
    sharpness: float
    yaw_deg: float
    pitch_deg: float
    roll_deg: float
    brightness: float
    contrast: float = 0.0
    overexposed: float = 0.0


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """From where on something is a problem. Origin of the defaults: docs/faces.md, "Quality"."""

    min_face_px: float = 80.0
    min_sharpness: float = 0.012
    max_yaw_deg: float = 35.0
    max_pitch_deg: float = 30.0
    max_roll_deg: float = 30.0
    min_brightness: float = 40.0
    max_overexposed: float = 0.3
    min_contrast: float = 14.0
    bystander_area: float = 1 / 9


DEFAULT_LIMITS: Final = QualityLimits()

_MEASURED_PX = 112
_WHITE = 245
# Distance of the tip of the nose from the plane of the eyes, and height of the eyes above the
# mouth, in distances between the eyes; where the nose lies between both on a frontal face. The
# last two are those of the alignment template, the first is common anatomy (about 30 of 63 mm).
_NOSE_DEPTH = 0.5
_EYE_MOUTH_HEIGHT = 1.155
_NOSE_LEVEL = 0.58


_NO_FACE = QualityReport(
    acceptable=False,
    problems=(QualityProblem.NO_FACE,),
    face_count=0,
    face_px=0.0,
    sharpness=0.0,
    yaw_deg=0.0,
    pitch_deg=0.0,
    roll_deg=0.0,
    brightness=0.0,
)


def assess(
    image: RgbImage, faces: Sequence[DetectedFace], *, limits: QualityLimits = DEFAULT_LIMITS
) -> QualityReport:
    """Assess a photo by its faces.

    Args:
        image: the photo.
        faces: what the engine detected in it, main face first.
        limits: what is demanded.
    """
    if not faces:
        return _NO_FACE
    main = faces[0]
    yaw_deg, pitch_deg, roll_deg = head_pose_deg(main.landmarks)
    grey = _grey_face(image, main)
    brightness, contrast = float(grey.mean()), float(grey.std())
    overexposed = float(np.mean(grey >= _WHITE))
    sharpness = _sharpness(grey)
    found = {
        QualityProblem.SEVERAL_FACES: _has_bystander(faces, limits.bystander_area),
        QualityProblem.FACE_TOO_SMALL: main.size_px < limits.min_face_px,
        QualityProblem.TOO_DARK: brightness < limits.min_brightness,
        QualityProblem.TOO_BRIGHT: overexposed > limits.max_overexposed,
        QualityProblem.LOW_CONTRAST: contrast < limits.min_contrast,
        QualityProblem.BLURRED: sharpness < limits.min_sharpness,
        QualityProblem.TURNED_AWAY: (
            abs(yaw_deg) > limits.max_yaw_deg or abs(pitch_deg) > limits.max_pitch_deg
        ),
        QualityProblem.TILTED: abs(roll_deg) > limits.max_roll_deg,
    }
    problems = tuple(problem for problem, is_there in found.items() if is_there)
    return QualityReport(
        acceptable=not problems,
        problems=problems,
        face_count=len(faces),
        face_px=main.size_px,
        sharpness=sharpness,
        yaw_deg=yaw_deg,
        pitch_deg=pitch_deg,
        roll_deg=roll_deg,
        brightness=brightness,
        contrast=contrast,
        overexposed=overexposed,
    )


def head_pose_deg(landmarks: NDArray[np.float32]) -> tuple[float, float, float]:
    """Yaw, pitch and roll from five points, in degrees; see `QualityReport` for the signs.

    Args:
        landmarks: (5, 2), as in `DetectedFace`.
    """
    points = landmarks.astype(np.float64)
    across = points[1] - points[0]
    eye_distance = float(np.hypot(across[0], across[1]))
    if eye_distance <= 0.0:
        return 0.0, 0.0, 0.0
    roll = math.atan2(float(across[1]), float(across[0]))
    turn = np.array([[math.cos(roll), math.sin(roll)], [-math.sin(roll), math.cos(roll)]])
    eyes = points[:2].mean(axis=0)
    nose = turn @ (points[2] - eyes) / eye_distance
    mouth = turn @ (points[3:].mean(axis=0) - eyes) / eye_distance
    # The middle of the face lies between eyes and mouth, not under the eyes alone.
    aside = float(nose[0] - mouth[0] * _NOSE_LEVEL)
    yaw = math.atan2(aside, _NOSE_DEPTH)
    height = float(mouth[1])
    level = float(nose[1]) / height if height > 0.0 else 2.0 * _NOSE_LEVEL
    pitch = math.atan2((level - _NOSE_LEVEL) * _EYE_MOUTH_HEIGHT, _NOSE_DEPTH)
    return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)


def _has_bystander(faces: Sequence[DetectedFace], least_area: float) -> bool:
    areas = [face.box[2] * face.box[3] for face in faces]
    return any(area >= least_area * areas[0] for area in areas[1:])


def _grey_face(image: RgbImage, face: DetectedFace) -> NDArray[np.float32]:
    """The box of a face in grey at a fixed size, float32 0..255; a strip when cut by the edge."""
    height, width = image.shape[:2]
    left, top, box_width, box_height = face.box
    x0, x1 = _span(left, left + box_width, width)
    y0, y1 = _span(top, top + box_height, height)
    patch = Image.fromarray(np.ascontiguousarray(image[y0:y1, x0:x1])).convert("L")
    small = patch.resize((_MEASURED_PX, _MEASURED_PX), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return np.asarray(small, dtype=np.float32)


def _span(low: float, high: float, limit: int) -> tuple[int, int]:
    first = min(max(0, math.floor(low)), limit - 1)
    return first, min(max(first + 1, math.ceil(high)), limit)


def _sharpness(grey: NDArray[np.float32]) -> float:
    centre = grey[1:-1, 1:-1]
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    # Relative to contrast: a dim picture is not a blurred one.
    return float(np.var(around - 4.0 * centre) / max(float(np.var(grey)), 1.0))
