"""Check of whether the main face is as upright as its landmarks claim.

The detector was trained on upright heads. Of one that lies or stands on its head it still finds the
box, but reads the eyes out of a mouth and says "upright"; the descriptor is then worth nothing. So
the face is looked at once more in turns of 60 degrees. Where one of them scores better than the
photo itself, the angle is measured there. A photo in which no face is found is turned whole, so
that a picture that lies on its side is called that. Measurements: docs/faces.md, "Quality".
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
from PIL import Image

from face_engine._quality import (
    DEFAULT_LIMITS,
    QualityLimits,
    QualityProblem,
    QualityReport,
    assess,
    head_pose_deg,
)
from face_engine.base import DetectedFace, FaceEngine, RgbImage

# Some turn of these brings a face at any angle within 30 degrees of upright.
_TURNS_DEG: Final = (60, -60, 120, -120, 180)
# Side of the cut, in sides of the face: enough that no turn loses the chin.
_CUT = 2.0
_CUT_PX = 320
# A photo without a face is turned at this size: a face that may be enrolled is found in it.
_WHOLE_PX = 800
# What a face that lies is taken for, besides an upright one: its eyes are read out of a mouth.
_MISREAD: tuple[set[QualityProblem], ...] = (
    {QualityProblem.TURNED_AWAY},
    {QualityProblem.NO_FACE},
    set(),
)


def judge_photo(
    engine: FaceEngine, image: RgbImage, *, limits: QualityLimits = DEFAULT_LIMITS
) -> tuple[list[DetectedFace], QualityReport]:
    """Detect faces, assess the photo, and verify that the main face is upright.

    For photos that are enrolled: it costs five or six looks more than ``assess``.
    """
    faces = engine.detect(image)
    report = assess(image, faces, limits=limits)
    if set(report.problems) not in _MISREAD:
        return faces, report
    if faces:
        roll_deg = _best_roll(engine, _cut(image, faces[0]), faces[0].score)
    else:
        roll_deg = _best_roll(engine, _whole(image), 0.0)
    if roll_deg is None or abs(roll_deg) <= limits.max_roll_deg:
        return faces, report
    problems = (QualityProblem.TILTED,)
    return faces, replace(report, acceptable=False, problems=problems, roll_deg=roll_deg)


def _best_roll(engine: FaceEngine, picture: Image.Image, score: float) -> float | None:
    """Return the tilt of the rotation in which the head scores best; None for no rotation.

    Args:
        engine: finds faces.
        picture: with the face in its middle, or a whole photo.
        score: of the face as it is, which a turn has to exceed.
    """
    turned = max(
        _detect_in_turns(engine, picture, _TURNS_DEG), key=lambda look: look[0], default=None
    )
    if turned is None or turned[0] <= score:
        return None
    # The eyes of a tilted head are read less tilted than they are, so it is measured upright.
    nearly = turned[1]
    upright = next(_detect_in_turns(engine, picture, (nearly,)), None)
    return nearly if upright is None else upright[1]


def _detect_in_turns(
    engine: FaceEngine, picture: Image.Image, turns_deg: tuple[float, ...]
) -> Iterator[tuple[float, float]]:
    """Yield score and tilt in the photo, in degrees, of the face in each turn that shows one."""
    for turn_deg in turns_deg:
        # Pillow turns against the clock, tilt is counted with it.
        turned = picture.rotate(turn_deg, resample=Image.Resampling.BILINEAR)
        seen = engine.detect(np.asarray(turned))
        if seen:
            roll_deg = turn_deg + head_pose_deg(seen[0].landmarks)[2]
            yield seen[0].score, (roll_deg + 180) % 360 - 180


def _cut(image: RgbImage, face: DetectedFace) -> Image.Image:
    left, top, width, height = face.box
    half = max(width, height) * _CUT / 2
    x, y = left + width / 2, top + height / 2
    window = (round(x - half), round(y - half), round(x + half), round(y + half))
    cut = Image.fromarray(image).crop(window)
    return cut.resize((_CUT_PX, _CUT_PX), Image.Resampling.BILINEAR)


def _whole(image: RgbImage) -> Image.Image:
    """Return the whole photo, small and with margins, so that no rotation cuts a corner."""
    # Pixels left out first: Pillow's copy of a large photo would take more memory than the photo.
    step = max(1, max(image.shape[:2]) // (2 * _WHOLE_PX))
    few = np.ascontiguousarray(image[::step, ::step])
    height, width = few.shape[:2]
    scale = min(1.0, _WHOLE_PX / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = Image.fromarray(few).resize(size, Image.Resampling.BILINEAR)
    side = math.ceil(math.hypot(*size))
    room = Image.new("RGB", (side, side))
    room.paste(small, ((side - size[0]) // 2, (side - size[1]) // 2))
    return room
