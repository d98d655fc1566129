"""From five points to an upright chip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from face_engine._alignment import align_face, cut_aligned, roll_deg, similarity_transform
from face_engine._manifest import load_manifest

_DESCRIPTOR = load_manifest("sface-2021dec").descriptor
assert _DESCRIPTOR is not None
TEMPLATE = _DESCRIPTOR.template


def _turned(angle_deg: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    angle = np.radians(angle_deg)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (TEMPLATE @ turn.T + shift).astype(np.float32)


@given(
    angle_deg=st.floats(-180, 180),
    scale=st.floats(0.2, 20),
    shift=st.tuples(st.floats(-500, 500), st.floats(-500, 500)),
)
def test_a_similarity_is_found_exactly(
    angle_deg: float, scale: float, shift: tuple[float, float]
) -> None:
    points = _turned(angle_deg, scale, shift)

    matrix = similarity_transform(points, TEMPLATE)

    mapped = points @ matrix[:, :2].T + matrix[:, 2]
    assert mapped == pytest.approx(TEMPLATE, abs=0.02)
    assert np.linalg.det(matrix[:, :2]) > 0


@given(noise=st.lists(st.floats(-3, 3, width=32), min_size=10, max_size=10))
def test_no_other_similarity_is_nearer(noise: list[float]) -> None:
    """Against numpy's general least squares over the four numbers of a similarity."""
    points = TEMPLATE * 2 + np.array(noise, dtype=np.float32).reshape(5, 2)
    x, y = points.astype(np.float64).T
    system = np.concatenate(
        [
            np.column_stack([x, -y, np.ones(5), np.zeros(5)]),
            np.column_stack([y, x, np.zeros(5), np.ones(5)]),
        ]
    )
    a, b, u, v = np.linalg.lstsq(system, TEMPLATE.T.ravel().astype(np.float64), rcond=None)[0]

    matrix = similarity_transform(points, TEMPLATE)

    assert matrix == pytest.approx(np.array([[a, -b, u], [b, a, v]]), abs=1e-6)


def test_points_that_coincide_are_refused() -> None:
    with pytest.raises(ValueError, match="coincide"):
        similarity_transform(np.ones((5, 2), dtype=np.float32), TEMPLATE)


def test_a_picture_that_is_the_chip_already_stays_as_it_is(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 255, (112, 112, 3), dtype=np.uint8)

    chip = align_face(picture, TEMPLATE, TEMPLATE, 112)

    inside = np.s_[2:-2, 2:-2]
    assert np.abs(chip[inside].astype(int) - picture[inside]).max() <= 1


@pytest.mark.parametrize("scale", [0.5, 1.0, 1.9, 2.0, 3.7, 8.0])
@pytest.mark.parametrize("angle_deg", [0.0, 30.0, -75.0])
def test_a_spot_comes_to_lie_where_it_belongs(scale: float, angle_deg: float) -> None:
    """To a tenth of a pixel, also where the picture is reduced first."""
    side, wanted = 1100, np.array([60.0, 50.0])
    middle = _turned(angle_deg, scale, (0, 0)).mean(axis=0)
    points = _turned(angle_deg, scale, tuple(side / 2 - middle))
    matrix = similarity_transform(points, TEMPLATE)
    spot = np.linalg.solve(matrix[:, :2], wanted - matrix[:, 2])
    y, x = np.mgrid[0:side, 0:side]
    distance = ((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (3 * scale) ** 2)
    picture = np.repeat((255 * np.exp(-distance)).astype(np.uint8)[..., None], 3, axis=2)

    chip, to_picture = cut_aligned(picture, points, TEMPLATE, 112)

    rows, columns = np.mgrid[0:112, 0:112]
    weights = chip[..., 0].astype(np.float64)
    centre = np.array([(columns * weights).sum(), (rows * weights).sum()]) / weights.sum()
    assert centre == pytest.approx(wanted, abs=0.1)
    assert to_picture[:, :2] @ wanted + to_picture[:, 2] == pytest.approx(spot, abs=0.01)


def test_beyond_the_picture_is_black() -> None:
    picture = np.full((50, 50, 3), 200, dtype=np.uint8)

    chip = align_face(picture, TEMPLATE - 56, TEMPLATE, 112)

    assert chip[:40, :40].max() == 0
    assert chip[70:90, 70:90].min() == 200


def test_a_face_wholly_outside_gives_a_black_chip() -> None:
    picture = np.full((50, 50, 3), 200, dtype=np.uint8)

    assert align_face(picture, TEMPLATE + 1000, TEMPLATE, 112).max() == 0


@given(angle_deg=st.floats(-170, 170))
def test_roll_is_the_angle_of_the_eyes(angle_deg: float) -> None:
    level = roll_deg(TEMPLATE)

    difference = roll_deg(_turned(angle_deg, 3, (0, 0))) - level - angle_deg

    assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=0.01)
