"""When people arrive, and what is kept of how long things took."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.arrivals import Arrivals
from fleet.statistics import Histogram


def test_the_words_are_read() -> None:
    assert Arrivals.parse("2/min") == Arrivals(2 / 60)
    assert Arrivals.parse("30/h + 5@20") == Arrivals(30 / 3600, 5, 20.0)


@pytest.mark.parametrize("words", ["", "2", "2/day", "x@5", "2/min+", "-1/min", "5@-1"])
def test_other_words_are_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"arrivals look like"):
        Arrivals.parse(words)


@given(st.floats(0.01, 5), st.integers(0, 20), st.floats(0, 100), st.integers())
def test_moments_are_in_order_within_the_time_and_the_same_again(
    per_s: float, burst: int, burst_at_s: float, seed: int
) -> None:
    arrivals = Arrivals(per_s, burst, burst_at_s)

    moments = arrivals.moments(60.0, random.Random(seed))

    assert moments == sorted(moments)
    assert all(0 <= one < 60.0 for one in moments)
    assert moments == arrivals.moments(60.0, random.Random(seed))
    if burst_at_s < 59:
        assert len(moments) >= burst


def test_the_rate_is_kept() -> None:
    assert len(Arrivals(2.0).moments(5000.0, random.Random(1))) == pytest.approx(10_000, rel=0.05)


@given(st.lists(st.floats(0.1, 1e5), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_off_by_a_class_at_most(values: list[float], part: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)

    ordered = sorted(values)
    exact = next(one for rank, one in enumerate(ordered, 1) if rank >= part * len(values))
    assert exact / 1.06 <= histogram.quantile_ms(part) <= exact * 1.06
    assert histogram.summary()["count"] == len(values)
