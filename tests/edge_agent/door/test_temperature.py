"""From a sensor's heat to a body temperature, or to none."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.config.sections import TemperatureConfig
from edge_agent.door.temperature import BodyTemperature, body_temperature
from edge_agent.drivers.base import HeatReading
from face_engine import DetectedFace

FRAME = (480, 640)
# A face of 160 × 200 px in the middle; its eyes 70 px apart, its forehead between 148 and 188 px.
FACE = DetectedFace(
    (240.0, 140.0, 160.0, 200.0),
    0.95,
    np.array([(285, 220), (355, 220), (320, 260), (292, 300), (348, 300)], dtype=np.float32),
)
CONFIG = TemperatureConfig()


def measured(
    reading: HeatReading, *, face: DetectedFace | None = FACE, config: TemperatureConfig = CONFIG
) -> BodyTemperature | None:
    return body_temperature(reading, face=face, frame_size=FRAME, config=config)


def heat_image(
    skin_c: float, *, room_c: float = 22.0, shape: tuple[int, int] = (24, 32)
) -> np.ndarray:
    """What a sensor with the camera's view sees of `FACE`: skin, and the room around it."""
    rows, columns = shape
    image = np.full(shape, room_c, dtype=np.float32)
    left, top, width, height = FACE.box
    image[
        int(top / 480 * rows) : math.ceil((top + height) / 480 * rows),
        int(left / 640 * columns) : math.ceil((left + width) / 640 * columns),
    ] = skin_c
    return image


def seen_by_sensor(body_c: float, ambient_c: float, distance_m: float) -> float:
    """The model forwards: what a body's forehead looks like to the sensor."""
    skin_c = body_c - CONFIG.core_offset_c - CONFIG.ambient_slope * (23.0 - ambient_c)
    return skin_c - CONFIG.distance_slope_c_per_m * (distance_m - CONFIG.distance_m)


@given(st.floats(35.0, 41.0), st.floats(15.0, 32.0), st.floats(0.3, 1.5))
def test_what_air_and_distance_took_is_given_back(
    body_c: float, ambient_c: float, distance_m: float
) -> None:
    skin_c = seen_by_sensor(body_c, ambient_c, distance_m)
    reading = HeatReading(
        heat_image(skin_c), ambient_c=ambient_c, distance_m=distance_m, sigma_c=0.1
    )

    found = measured(reading)

    assert found is not None
    assert found.c == pytest.approx(body_c, abs=0.011)
    assert 0.1 <= found.sigma_c <= CONFIG.sigma_most_c


@given(st.floats(25, 43), st.floats(0.01, 5), st.floats(10, 35))
def test_hotter_skin_is_never_a_colder_body(skin_c: float, more_c: float, ambient_c: float) -> None:
    cooler = measured(HeatReading(heat_image(skin_c), ambient_c=ambient_c, distance_m=0.5))
    hotter = measured(
        HeatReading(heat_image(min(skin_c + more_c, 43)), ambient_c=ambient_c, distance_m=0.5)
    )

    if cooler is not None and hotter is not None:
        assert hotter.c >= cooler.c


@given(
    values=st.lists(st.floats(width=32), min_size=12, max_size=12),
    ambient_c=st.none() | st.floats(),
    distance_m=st.none() | st.floats(),
    sigma_c=st.floats(0, 10),
    is_body=st.booleans(),
)
def test_nonsense_is_no_reading(
    values: list[float],
    ambient_c: float | None,
    distance_m: float | None,
    sigma_c: float,
    *,
    is_body: bool,
) -> None:
    surface = np.array(values, dtype=np.float32).reshape(3, 4)
    reading = HeatReading(surface, ambient_c, distance_m, sigma_c, is_body=is_body)

    found = measured(reading)

    assert found is None or (30.0 <= found.c <= 45.0 and found.sigma_c <= CONFIG.sigma_most_c)


def test_a_body_temperature_stays_what_it_is() -> None:
    reading = HeatReading(np.full((1, 1), 36.6, dtype=np.float32), is_body=True)

    assert measured(reading, face=None) == BodyTemperature(36.6, 0.1)


def test_hair_and_dead_pixels_do_not_cool_a_forehead() -> None:
    surface = heat_image(35.0, shape=(48, 64))
    surface[14:16, 26:40] = 26.0  # a fringe of hair
    surface[17, 30] = np.nan
    found = measured(HeatReading(surface, ambient_c=23.0, distance_m=0.5))

    assert found is not None
    assert found.c == pytest.approx(37.0, abs=0.05)


def test_a_covered_forehead_is_no_reading() -> None:
    surface = heat_image(35.0, shape=(48, 64))
    surface[10:20, 20:45] = 23.0  # a cap

    assert measured(HeatReading(surface, ambient_c=23.0, distance_m=0.5)) is None


@pytest.mark.parametrize("ambient_c", [9.9, 35.1, -20.0])
def test_too_cold_or_too_hot_air_is_no_reading(ambient_c: float) -> None:
    reading = HeatReading(heat_image(34.0), ambient_c=ambient_c, distance_m=0.5)

    assert measured(reading) is None


def test_what_is_not_known_makes_it_less_certain() -> None:
    both = HeatReading(heat_image(34.6), ambient_c=23.0, distance_m=0.5)
    sure = measured(both)
    unsure = measured(replace(both, ambient_c=None, distance_m=None))

    assert sure is not None
    assert unsure is not None
    assert sure.sigma_c < 0.15 < unsure.sigma_c
    assert measured(both, config=replace(CONFIG, sigma_most_c=0.05)) is None


def test_the_distance_is_seen_by_the_eyes() -> None:
    reading = HeatReading(heat_image(34.6), ambient_c=23.0)
    # 63 mm appear as 70 px at focal_px · 0.063 / 70 m: here at one metre.
    found = measured(reading, config=replace(CONFIG, focal_px=70 / 0.063))

    assert found is not None
    assert found.c == pytest.approx(34.6 + 2.0 + 0.3 * 0.5, abs=0.01)


def test_a_single_spot_counts_only_on_the_face() -> None:
    spot = HeatReading(np.full((1, 1), 34.6, dtype=np.float32), ambient_c=23.0, distance_m=0.5)

    assert measured(replace(spot, view=(0.4, 0.4, 0.6, 0.6))) is not None
    assert measured(replace(spot, view=(0.0, 0.0, 0.2, 0.2))) is None
    assert measured(spot, face=None) is None


def test_a_face_beyond_the_sensors_view_is_no_reading() -> None:
    reading = HeatReading(
        heat_image(35.0), ambient_c=23.0, distance_m=0.5, view=(0.0, 0.0, 0.3, 0.3)
    )

    assert measured(reading) is None
