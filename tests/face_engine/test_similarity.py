"""The 0-100 of the wire, and the threshold."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_engine import (
    DEFAULT_THRESHOLD,
    SIMILARITY_AT_THRESHOLD,
    cosine_from_similarity,
    similarity_from_cosine,
    threshold_for_far,
)
from face_engine._manifest import load_manifest
from face_engine._similarity import DEFAULT_IMPOSTOR_MEAN, DEFAULT_IMPOSTOR_STD

COSINES = st.floats(-1, 1, allow_nan=False)
THRESHOLDS = st.floats(0.05, 0.95)


@given(first=COSINES, second=COSINES, threshold=THRESHOLDS)
def test_more_cosine_is_never_less_similarity(
    first: float, second: float, threshold: float
) -> None:
    low, high = sorted((first, second))

    assert similarity_from_cosine(low, threshold=threshold) <= similarity_from_cosine(
        high, threshold=threshold
    )


@given(cosine=COSINES, threshold=THRESHOLDS)
def test_sixty_means_exactly_the_threshold(cosine: float, threshold: float) -> None:
    is_same = similarity_from_cosine(cosine, threshold=threshold) >= SIMILARITY_AT_THRESHOLD

    assert is_same == (cosine >= threshold)


@given(similarity=st.integers(0, 100), threshold=THRESHOLDS)
def test_similarity_survives_the_way_back(similarity: int, threshold: float) -> None:
    cosine = cosine_from_similarity(similarity, threshold=threshold)

    assert similarity_from_cosine(cosine, threshold=threshold) == similarity


@pytest.mark.parametrize(
    ("cosine", "similarity"),
    [(-1.0, 0), (0.0, 0), (DEFAULT_THRESHOLD, 60), (1.0, 100), (1.0000001, 100), (math.nan, 0)],
)
def test_ends_of_the_scale(cosine: float, similarity: int) -> None:
    assert similarity_from_cosine(cosine) == similarity


def test_just_below_the_threshold_is_not_sixty() -> None:
    assert similarity_from_cosine(math.nextafter(DEFAULT_THRESHOLD, 0)) == 59


def test_threshold_of_the_manifest_is_the_one_for_its_false_accept_rate() -> None:
    traits = load_manifest("sface-2021dec").descriptor

    assert traits is not None
    assert (traits.impostor_mean, traits.impostor_std) == (
        DEFAULT_IMPOSTOR_MEAN,
        DEFAULT_IMPOSTOR_STD,
    )
    assert traits.threshold == DEFAULT_THRESHOLD
    assert traits.threshold == pytest.approx(threshold_for_far(traits.target_far), abs=0.0005)


def test_rarer_false_accepts_need_a_higher_threshold() -> None:
    rates = [0.1, 0.01, 1e-3, 1e-4, 1e-5, 1e-6]

    thresholds = [threshold_for_far(rate) for rate in rates]

    assert thresholds == sorted(thresholds)
    assert len(set(thresholds)) == len(rates)


@pytest.mark.parametrize("far", [0.0, 1e-7, 0.2, 1.0, math.nan])
def test_rates_beyond_the_sample_are_refused(far: float) -> None:
    with pytest.raises(ValueError, match="far"):
        threshold_for_far(far)
