"""Is the main face of a photo as upright as its landmarks say?

The detector was trained on upright heads. Of one that lies or stands on its head it still finds the
box, but reads the eyes out of a mouth and says "upright"; the descriptor is then worth nothing. So
the face is looked at once more in turns of 60 degrees. Where one of them scores better than the
photo itself, the angle is measured there. Measurements: docs/faces.md, "Quality".
"""

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


def judge_photo(
    engine: FaceEngine, image: RgbImage, *, limits: QualityLimits = DEFAULT_LIMITS
) -> tuple[list[DetectedFace], QualityReport]:
    """Detect, assess, and see for a good face whether it really stands upright.

    For photos that are enrolled: it costs five or six looks more than ``assess``.
    """
    faces = engine.detect(image)
    report = assess(image, faces, limits=limits)
    if not report.acceptable:
        return faces, report
    roll_deg = _roll_seen_best(engine, image, faces[0])
    if roll_deg is None or abs(roll_deg) <= limits.max_roll_deg:
        return faces, report
    problems = (QualityProblem.TILTED,)
    return faces, replace(report, acceptable=False, problems=problems, roll_deg=roll_deg)


def _roll_seen_best(engine: FaceEngine, image: RgbImage, face: DetectedFace) -> float | None:
    """Return how far the head is tilted in the turn that shows it best; None: as it is."""
    cut = _cut(image, face)
    turned = max(_looks(engine, cut, _TURNS_DEG), key=lambda look: look[0], default=None)
    if turned is None or turned[0] <= face.score:
        return None
    # The eyes of a tilted head are read less tilted than they are, so it is measured upright.
    nearly = turned[1]
    upright = next(_looks(engine, cut, (nearly,)), None)
    return nearly if upright is None else upright[1]


def _looks(
    engine: FaceEngine, cut: Image.Image, turns_deg: tuple[float, ...]
) -> Iterator[tuple[float, float]]:
    """Yield score and tilt in the photo, in degrees, of the face in each turn that shows one."""
    for turn_deg in turns_deg:
        # Pillow turns against the clock, tilt is counted with it.
        seen = engine.detect(np.asarray(cut.rotate(turn_deg, resample=Image.Resampling.BILINEAR)))
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
