"""Conversion between cosine and the wire's similarity of 0 to 100 (seed 9.2)."""

import math
from statistics import NormalDist
from typing import Final

# Of the default descriptor; its manifest says the same, and a test holds them together. Origin:
# docs/faces.md, "Threshold".
DEFAULT_THRESHOLD: Final = 0.456
DEFAULT_IMPOSTOR_MEAN: Final = 0.1371
DEFAULT_IMPOSTOR_STD: Final = 0.0858

# Beyond these rates 262 comparisons of nine people say nothing any more.
_LEAST_FAR: Final = 1e-6
_GREATEST_FAR: Final = 0.1

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


def threshold_for_far(
    far: float, *, mean: float = DEFAULT_IMPOSTOR_MEAN, std: float = DEFAULT_IMPOSTOR_STD
) -> float:
    """Cosine that two different people reach with a given probability, by a normal model.

    Who searches n people with one face makes n comparisons: to let one stranger in f pass, ask
    for ``far = 1 / (f * n)``.

    Args:
        far: false accepts per comparison, 0.000001 to 0.1; 0.0001 is one in ten thousand.
        mean, std: of the cosine of different people; those of the default descriptor, measured on
            few people, see docs/faces.md, "Threshold".

    Raises:
        ValueError: for a rate the measured sample cannot carry.
    """
    if not _LEAST_FAR <= far <= _GREATEST_FAR:
        raise ValueError(f"far must be {_LEAST_FAR} to {_GREATEST_FAR}")
    return NormalDist(mean, std).inv_cdf(1.0 - far)


def _scale(cosine: float, threshold: float) -> float:
    at = float(SIMILARITY_AT_THRESHOLD)
    if cosine < threshold:
        return at * cosine / threshold
    return at + (100.0 - at) * (cosine - threshold) / (1.0 - threshold)
