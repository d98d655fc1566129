"""Mask detection without a model: pure, "unknown" in doubt.

The heuristic looks where the mouth should be, on a face turned upright by its landmarks. Lips and
teeth make that place rough, a mask makes it smooth; a mask also has another colour or brightness
than the forehead. Rough and of the colour of skin is "bare", smooth and of another colour is
"worn", everything else is unknown: skin-coloured masks, patterned ones, blurred pictures, beards.
How often it is right: docs/edge-agent.md, "Masks"; ``benchmarks/measure_mask.py`` measures it.
"""

from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from face_engine import DetectedFace

_SIZE_PX: Final = 112
# Where eyes, nose and mouth lie on an upright face of 112 px (the descriptor's template).
_TEMPLATE: Final = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
# Rows and columns on that face.
_FOREHEAD: Final = (slice(26, 38), slice(40, 72))
_MOUTH: Final = (slice(88, 98), slice(46, 66))
_CHIN: Final = (slice(101, 110), slice(48, 64))
_JAWS: Final = ((slice(84, 100), slice(26, 37)), (slice(84, 100), slice(76, 87)))
_ROUGH: Final = 18.0  # levels of brightness, standard deviation at a forehead of middle grey
_SMOOTH: Final = 10.0
_SKIN_CHROMA: Final = 32.0  # of 256 levels, both colour channels together
_OTHER_CHROMA: Final = 25.0
_OTHER_BRIGHTNESS: Final = 60.0
_DARKEST: Final = 40.0  # darker foreheads tell nothing


class Mask(StrEnum):
    """Verdict about a mask."""

    WORN = "worn"
    BARE = "bare"
    UNKNOWN = "unknown"


def judge_mask(image: NDArray[np.uint8], face: DetectedFace) -> Mask:
    """Detect a mask on a face.

    Args:
        image: (height, width, 3) uint8, RGB.
        face: where in it.
    """
    upright = _upright(image, face)
    if upright is None:
        return Mask.UNKNOWN
    pixels = np.asarray(Image.fromarray(upright).convert("YCbCr"), dtype=np.float32)
    forehead = _median(pixels[_FOREHEAD])
    mouth = pixels[_MOUTH].reshape(-1, 3)
    lower = np.concatenate(
        [pixels[one].reshape(-1, 3) for one in (_CHIN, *_JAWS)] + [mouth], axis=0
    )
    if forehead[0] < _DARKEST:
        return Mask.UNKNOWN
    roughness = float(mouth[:, 0].std()) * 128.0 / float(forehead[0])
    away = _median(lower) - forehead
    chroma = float(np.abs(away[1:]).sum())
    brightness = abs(float(away[0]))
    if roughness >= _ROUGH:
        return Mask.BARE if chroma <= _SKIN_CHROMA else Mask.UNKNOWN
    is_other = chroma >= _OTHER_CHROMA or brightness >= _OTHER_BRIGHTNESS
    return Mask.WORN if roughness <= _SMOOTH and is_other else Mask.UNKNOWN


def _median(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.median(pixels.reshape(-1, 3), axis=0)
    return found


def _upright(image: NDArray[np.uint8], face: DetectedFace) -> NDArray[np.uint8] | None:
    """Return the face aligned to the template, (112, 112, 3); None for landmarks in a line."""
    design = np.hstack([_TEMPLATE, np.ones((5, 1))])
    affine, *_ = np.linalg.lstsq(design, face.landmarks.astype(np.float64), rcond=None)
    if abs(np.linalg.det(affine[:2])) < 1e-6:
        return None
    (a, d), (b, e), (c, f) = affine
    # Pillow asks for each pixel of the result where it comes from, which is what was fitted.
    whole = Image.fromarray(image).transform(
        (_SIZE_PX, _SIZE_PX),
        Image.Transform.AFFINE,
        (a, b, c, d, e, f),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(whole, dtype=np.uint8)
