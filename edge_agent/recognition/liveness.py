"""Liveness from the movement of landmarks: pure, "unknown" in doubt.

A picture is flat: however it is turned, the place of the nose's tip among eyes and mouth stays the
same in the plane they span. A head that turns moves it, by half the distance of the eyes times the
sine of the turn. So a track is

- "live" when the tip of the nose wandered in that plane,
- "picture" when the plane was clearly turned and the tip stayed where it was,
- "unknown" otherwise, as for a person who simply stands there.

This finds prints that are waved about. It does not find a video on a telephone, a bent print or a
mask; a classifier (`edge_agent.recognition.model_slot`) may. Limits are chosen here, with room for
the jitter of landmarks (a few hundredths of the distance of the eyes).
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

_LEAST_PICTURES: Final = 8
_WANDERED: Final = 0.12  # in distances of the eyes: a turn of some 14 degrees
_STAYED: Final = 0.05
_TURNED: Final = 0.15  # change of width against height: a flat thing turned by 32 degrees
_EYES_AND_MOUTH: Final = np.array(
    [[-0.5, 0.0], [0.5, 0.0], [-0.42, 1.155], [0.42, 1.155]], dtype=np.float64
)


class Liveness(StrEnum):
    """Verdict about the liveness of a face."""

    LIVE = "live"
    PICTURE = "picture"
    UNKNOWN = "unknown"


def judge_movement(points: Sequence[NDArray[np.float32]]) -> Liveness:
    """Judge how the landmarks of one person moved.

    Args:
        points: (5, 2) each, as in `face_engine.DetectedFace`, oldest first.
    """
    found = [placed for one in points if (placed := _placed(one)) is not None]
    if len(found) < _LEAST_PICTURES:
        return Liveness.UNKNOWN
    nose = np.array([one[0] for one in found])
    shape = np.array([one[1] for one in found])
    # Quantiles, so that one slip of the detector is no movement.
    low, high = np.quantile(nose, (0.1, 0.9), axis=0)
    wandered = float((high - low).max())
    low_shape, high_shape = np.quantile(shape, (0.1, 0.9))
    if wandered >= _WANDERED:
        return Liveness.LIVE
    if wandered < _STAYED and high_shape / low_shape - 1.0 >= _TURNED:
        return Liveness.PICTURE
    return Liveness.UNKNOWN


def _placed(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], float] | None:
    """Return the nose's place in the plane of eyes and mouth, and the ratio of width to height."""
    corners = points[[0, 1, 3, 4]].astype(np.float64)
    design = np.hstack([_EYES_AND_MOUTH, np.ones((4, 1))])
    # The affine map from a frontal face to this one; a flat thing follows it, nose and all.
    affine, *_ = np.linalg.lstsq(design, corners, rcond=None)
    across, down = affine[0], affine[1]
    plane = np.vstack([across, down])
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    if width <= 0 or height <= 0 or abs(np.linalg.det(plane)) < 0.05 * width * height:
        return None
    nose = np.linalg.solve(plane.T, points[2].astype(np.float64) - affine[2])
    return nose, width / height
