"""A head that turns and a print that is waved about, projected from three dimensions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.recognition.liveness import Liveness, judge_movement

# Eyes, nose, corners of the mouth, in distances of the eyes; the nose stands out.
HEAD = np.array(
    [(-0.5, 0, 0), (0.5, 0, 0), (0, 0.65, 0.5), (-0.42, 1.155, 0.05), (0.42, 1.155, 0.05)]
)
PRINT = HEAD * (1, 1, 0)
CHANCE = np.random.default_rng(1)


def turned(points: np.ndarray, yaw_deg: float, pitch_deg: float = 0.0) -> np.ndarray:
    yaw, pitch = np.radians([yaw_deg, pitch_deg])
    about_y = np.array([(np.cos(yaw), 0, np.sin(yaw)), (0, 1, 0), (-np.sin(yaw), 0, np.cos(yaw))])
    about_x = np.array(
        [(1, 0, 0), (0, np.cos(pitch), -np.sin(pitch)), (0, np.sin(pitch), np.cos(pitch))]
    )
    return points @ about_y.T @ about_x.T


def seen(points: np.ndarray, *, size_px: float = 60, jitter_px: float = 0.5) -> np.ndarray:
    """What a camera half a metre away makes of it."""
    scale = size_px / (1 - points[:, 2:] * 0.06)
    flat = points[:, :2] * scale + (320, 200) + CHANCE.normal(0, jitter_px, (5, 2))
    return flat.astype(np.float32)


@pytest.mark.parametrize("most_deg", [20, 30])
def test_a_head_that_turns_is_alive(most_deg: float) -> None:
    track = [seen(turned(HEAD, angle)) for angle in np.linspace(-most_deg, most_deg, 20)]

    assert judge_movement(track) is Liveness.LIVE


@pytest.mark.parametrize("most_deg", [45, 55])
def test_a_print_that_is_waved_about_is_a_picture(most_deg: float) -> None:
    track = [seen(turned(PRINT, angle)) for angle in np.linspace(0, most_deg, 20)]

    assert judge_movement(track) is Liveness.PICTURE


@given(
    st.sampled_from(["head", "print"]),
    st.floats(0, 4),
    st.lists(st.tuples(st.floats(-100, 100), st.floats(40, 90)), max_size=30),
)
def test_who_only_stands_or_walks_is_unknown(
    kind: str, sway_deg: float, places: list[tuple[float, float]]
) -> None:
    points = HEAD if kind == "head" else PRINT
    track = [
        seen(turned(points, sway_deg * (number % 2)), size_px=size) + np.float32(shift)
        for number, (shift, size) in enumerate(places)
    ]

    assert judge_movement(track) is Liveness.UNKNOWN


@given(st.floats(0, 60), st.floats(-20, 20))
def test_a_print_is_never_taken_for_alive(most_deg: float, pitch_deg: float) -> None:
    track = [seen(turned(PRINT, angle, pitch_deg)) for angle in np.linspace(0, most_deg, 15)]

    assert judge_movement(track) is not Liveness.LIVE


def test_few_pictures_and_nonsense_are_unknown() -> None:
    line = np.zeros((5, 2), dtype=np.float32)

    assert judge_movement([]) is Liveness.UNKNOWN
    assert judge_movement([line] * 20) is Liveness.UNKNOWN
    assert judge_movement([seen(HEAD)] * 7) is Liveness.UNKNOWN
