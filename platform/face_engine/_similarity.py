"""Between the cosine of two descriptors and the 0-100 of the wire (seed 9.2, ``similarity``)."""

import math
from typing import Final

# Cosine from which on the default descriptor takes two faces for one person; the default
# manifest says the same, and a test holds them together. Origin: docs/faces.md, "Threshold".
DEFAULT_THRESHOLD: Final = 0.42

SIMILARITY_AT_THRESHOLD: Final = 60
"""Where the threshold lies on the scale of the wire: 60 and more means the same person."""


def similarity_from_cosine(cosine: float, *, threshold: float = DEFAULT_THRESHOLD) -> int:
    """Cosine to the integer a terminal shows.

    0 and below is 0, the threshold is 60, 1 is 100, straight lines between; rounded down, so 60
    is reached exactly from the threshold on.

    Args:
        cosine: -1..1; NaN counts as 0.
        threshold: of the engine that made the descriptors.

    Returns:
        0..100, never less for a greater cosine.
    """
    if math.isnan(cosine) or cosine <= 0.0:
        return 0
    if cosine >= 1.0:
        return 100
    guess = int(_scale(cosine, threshold))
    # Rounding of the two straight lines must not move a border: the inverse decides.
    while guess < 100 and cosine >= cosine_from_similarity(guess + 1, threshold=threshold):
        guess += 1
    while guess > 0 and cosine < cosine_from_similarity(guess, threshold=threshold):
        guess -= 1
    return guess


def cosine_from_similarity(similarity: float, *, threshold: float = DEFAULT_THRESHOLD) -> float:
    """The least cosine that has this similarity.

    Args:
        similarity: 0..100; beyond counts as the nearer end.
        threshold: of the engine that made the descriptors.
    """
    at = float(SIMILARITY_AT_THRESHOLD)
    level = min(max(float(similarity), 0.0), 100.0)
    if level <= at:
        return threshold * (level / at)
    return threshold + (1.0 - threshold) * ((level - at) / (100.0 - at))


def _scale(cosine: float, threshold: float) -> float:
    at = float(SIMILARITY_AT_THRESHOLD)
    if cosine < threshold:
        return at * cosine / threshold
    return at + (100.0 - at) * (cosine - threshold) / (1.0 - threshold)
