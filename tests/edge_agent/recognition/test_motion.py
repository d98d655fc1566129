"""Where nothing moves, nobody looks."""

from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.recognition.motion import MotionGate
from tests.support.videos import frames

CHANCE = np.random.default_rng(1)
WALL = np.full((480, 640, 3), 120, dtype=np.uint8)


@cache
def noises(levels: int) -> list[np.ndarray]:
    """Some fields of noise; making a new one for every picture takes longer than all the rest."""
    return [CHANCE.integers(-levels, levels + 1, WALL.shape, dtype=np.int16) for _ in range(7)]


def noisy(picture: np.ndarray, levels: int = 6) -> np.ndarray:
    noise = noises(levels)[CHANCE.integers(7)]
    return np.clip(picture.astype(np.int16) + noise, 0, 255).astype(np.uint8)


def with_head(left: int) -> np.ndarray:
    picture = WALL.copy()
    picture[200:280, left : left + 60] = 60
    return picture


def taught(pictures: int = 30) -> MotionGate:
    gate = MotionGate()
    for number in range(pictures):
        gate.has_motion(noisy(WALL), number * 0.04)
    return gate


def test_noise_of_the_camera_is_no_movement() -> None:
    gate = taught()

    assert not any(gate.has_motion(noisy(WALL), 1.2 + one / 100) for one in range(50))
    assert gate.passed >= 75


def test_somebody_who_comes_is_looked_at() -> None:
    assert taught().has_motion(noisy(with_head(300)), 1.25)


@given(st.integers(20, 230))
def test_light_that_changes_everywhere_is_no_movement(level: int) -> None:
    gate = taught(5)

    assert not gate.has_motion(np.full_like(WALL, level), 0.3)


def test_what_was_put_down_becomes_background() -> None:
    gate = taught()
    looks = [gate.has_motion(noisy(with_head(300)), 1.2 + one * 0.04) for one in range(500)]

    assert looks[0]
    # From then on only the look that is taken every two seconds.
    assert sum(looks[400:]) <= 3


def test_every_two_seconds_is_looked_in_any_case() -> None:
    gate = taught()

    assert gate.has_motion(noisy(WALL), 10.0)
    assert not gate.has_motion(noisy(WALL), 10.1)


def test_a_camera_that_changes_its_size_starts_anew() -> None:
    gate = taught()

    assert gate.has_motion(WALL[:240, :320], 1.25)
    assert not gate.has_motion(WALL[:240, :320], 1.30)
    assert MotionGate().has_motion(WALL[:5, :5], 0.0)


def test_people_in_the_corridor_are_looked_at_and_the_empty_one_is_not(
    portraits: dict[str, Path],
) -> None:
    gate = MotionGate()
    shown = list(frames([portraits["obama2.jpg"]] * 4))
    shown += [noisy(shown[-1], 2) for _ in range(240)]

    looks = [gate.has_motion(frame, number / 12) for number, frame in enumerate(shown)]

    assert sum(looks) >= 4 * 7
    assert sum(looks[-60:]) <= 3


def passers_by(at_s: float) -> np.ndarray:
    """A picture full of people who walk to and fro."""
    picture = WALL.copy()
    for number in range(6):
        left = int(290 + 280 * np.sin(at_s * (0.6 + 0.2 * number) + number))
        picture[100 + 50 * number : 180 + 50 * number, left : left + 60] = 30 + 35 * number
    return picture


def test_corridor_is_empty_two_seconds_after_a_crowd() -> None:
    """The background used to learn the crowd by and by, and took as long to forget it."""
    gate = taught()
    times = [2 + one / 12 for one in range(12 * 40)]
    busy = [gate.has_motion(noisy(passers_by(at_s)), at_s) for at_s in times if at_s < 30]

    after = [gate.has_motion(noisy(WALL), at_s) for at_s in times if at_s >= 30]

    assert all(busy)
    # From the third second on only the look that is taken every two seconds.
    assert sum(after[36:]) <= len(after[36:]) / 24 + 1


def test_somebody_who_comes_slowly_is_looked_at_all_the_way() -> None:
    gate = taught()
    looks = [gate.has_motion(noisy(with_head(20 + one)), 1.2 + one / 12) for one in range(12 * 20)]

    assert sum(looks) >= 0.95 * len(looks)


def test_somebody_who_stood_still_is_looked_at_when_they_move() -> None:
    gate = taught()
    for one in range(12 * 20):
        gate.has_motion(noisy(with_head(300)), 1.2 + one / 12)

    assert gate.has_motion(noisy(with_head(330)), 21.25)
    assert gate.has_motion(noisy(with_head(360)), 21.35)
