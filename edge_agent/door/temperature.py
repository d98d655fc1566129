"""Body temperature and its uncertainty from a heat reading: pure functions.

A thermometer sees the skin of the forehead, colder than the body and colder still in cold air, and
through air that takes a little with every metre. The corrections are straight lines with constants
of the configuration (`TemperatureConfig`); their defaults are chosen here from what such terminals
usually need (a forehead of 33 to 35 °C indoors) and are no calibration: compare with a good
thermometer and set ``offset_c``. What cannot be trusted is no reading at all (``""`` in seed 9.2).
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.config import TemperatureConfig
from edge_agent.drivers import HeatReading
from face_engine import DetectedFace

_BODY_C: Final = (30.0, 45.0)
_AMBIENT_C: Final = (10.0, 35.0)
_AMBIENT_REFERENCE_C: Final = 23.0
_SKIN_C: Final = (25.0, 43.0)  # colder or hotter pixels are hair, glasses, wall, or a cup of tea
_LEAST_SHARE: Final = 0.3  # of the forehead's pixels that must be skin
_HOTTEST: Final = 0.8  # quantile: sweat and hair only ever make a forehead look colder
_EYES_APART_M: Final = 0.063  # common anatomy
_SPOT_LEAST_SHARE: Final = 0.05  # of the sensor's view that a face must fill for a single spot
# How much is not known of each correction, as a part of it.
_DOUBT: Final = 0.25
_AMBIENT_UNKNOWN_C: Final = 4.0  # half the span of a heated room and a corridor
_DISTANCE_UNKNOWN_M: Final = 0.3


@dataclass(frozen=True, slots=True)
class BodyTemperature:
    """A measured body temperature.

    Attributes:
        c: °C, 30 to 45.
        sigma_c: its standard uncertainty in °C.
    """

    c: float
    sigma_c: float


def body_temperature(
    reading: HeatReading,
    *,
    face: DetectedFace | None,
    frame_size: tuple[int, int],
    config: TemperatureConfig,
) -> BodyTemperature | None:
    """Compute a body temperature from a sensor's reading.

    Args:
        reading: what it saw.
        face: of the person, in pixels of the camera's picture; None when it is not known where.
        frame_size: height and width of that picture, in pixels.
        config: calibration.

    Returns:
        None when there is no reading to be trusted: the forehead is not in view or not skin, the
        air is too cold or too hot, or the uncertainty exceeds `TemperatureConfig.sigma_most_c`.
    """
    if reading.is_body:
        values = reading.surface_c[np.isfinite(reading.surface_c)]
        return _trusted(float(values.max()), reading.sigma_c, config) if values.size else None
    if face is None:
        return None
    forehead = _forehead_values(reading, face, frame_size)
    if forehead is None:
        return None
    ambient_c = reading.ambient_c
    if ambient_c is not None and not _AMBIENT_C[0] <= ambient_c <= _AMBIENT_C[1]:
        return None
    skin_c = float(np.quantile(forehead, _HOTTEST)) * config.emissivity_factor
    spread_c = float(forehead.std()) / math.sqrt(forehead.size)
    air_c, air_sigma_c = _ambient_term(ambient_c, config)
    far_c, far_sigma_c = _distance_term(_distance_m(reading, face, config), config)
    body_c = skin_c + config.core_offset_c + air_c + far_c + config.offset_c
    # What the sensor gets wrong it gets wrong for all its pixels, so their number does not help.
    sigma_c = math.hypot(reading.sigma_c, spread_c, air_sigma_c, far_sigma_c)
    return _trusted(body_c, sigma_c, config)


def _trusted(body_c: float, sigma_c: float, config: TemperatureConfig) -> BodyTemperature | None:
    rounded_c = round(body_c, 2)
    if not _BODY_C[0] <= rounded_c <= _BODY_C[1] or not sigma_c <= config.sigma_most_c:
        return None
    return BodyTemperature(rounded_c, round(sigma_c, 3))


def _ambient_term(ambient_c: float | None, config: TemperatureConfig) -> tuple[float, float]:
    if ambient_c is None:
        return 0.0, config.ambient_slope * _AMBIENT_UNKNOWN_C
    term_c = config.ambient_slope * (_AMBIENT_REFERENCE_C - ambient_c)
    return term_c, abs(term_c) * _DOUBT


def _distance_term(distance_m: float | None, config: TemperatureConfig) -> tuple[float, float]:
    if distance_m is None:
        return 0.0, config.distance_slope_c_per_m * _DISTANCE_UNKNOWN_M
    term_c = config.distance_slope_c_per_m * (distance_m - config.distance_m)
    return term_c, abs(term_c) * _DOUBT


def _distance_m(
    reading: HeatReading, face: DetectedFace, config: TemperatureConfig
) -> float | None:
    """Return the distance by the sensor, else by the distance between the eyes."""
    if reading.distance_m is not None:
        return reading.distance_m
    apart_px = float(np.hypot(*(face.landmarks[1] - face.landmarks[0])))
    if config.focal_px <= 0 or apart_px <= 0:
        return None
    return config.focal_px * _EYES_APART_M / apart_px


def _forehead_values(
    reading: HeatReading, face: DetectedFace, frame_size: tuple[int, int]
) -> NDArray[np.float32] | None:
    """Values of `HeatReading.surface_c` on the forehead that are skin; None for too few."""
    heat = reading.surface_c
    if heat.size == 1:
        spot = heat.ravel()
        is_good = _SKIN_C[0] <= float(spot[0]) <= _SKIN_C[1]
        return spot if is_good and _fills_spot(reading, face, frame_size) else None
    left, top, right, bottom = _in_view(_forehead_box(face), reading, frame_size)
    rows, columns = heat.shape
    begin_row, end_row = _pixels(top, bottom, rows)
    begin_column, end_column = _pixels(left, right, columns)
    if begin_row >= end_row or begin_column >= end_column:
        return None
    region = heat[begin_row:end_row, begin_column:end_column]
    # Comparisons with not-a-number are false, so dead pixels fall out here.
    skin = region[(region >= _SKIN_C[0]) & (region <= _SKIN_C[1])]
    return skin if skin.size >= max(1.0, _LEAST_SHARE * region.size) else None


def _pixels(begin: float, end: float, count: int) -> tuple[int, int]:
    """Whole pixels between two parts of a side; at least one where the middle is in view."""
    middle = (begin + end) / 2
    if not 0.0 <= middle < 1.0:
        return 0, 0
    first, last = math.ceil(begin * count), math.floor(end * count)
    if first >= last:
        first = int(middle * count)
        last = first + 1
    return max(first, 0), min(last, count)


def _forehead_box(face: DetectedFace) -> tuple[float, float, float, float]:
    """Left, top, right, bottom in pixels: above the eyes, below the hair, between the temples."""
    left, top, width, _height = face.box
    eyes_y = float(face.landmarks[:2, 1].mean())
    above = eyes_y - top
    return left + 0.25 * width, top + 0.15 * above, left + 0.75 * width, top + 0.75 * above


def _in_view(
    box: tuple[float, float, float, float], reading: HeatReading, frame_size: tuple[int, int]
) -> tuple[float, float, float, float]:
    """Convert a box in the camera's picture to fractions of the sensor's field of view."""
    height, width = frame_size
    left, top, right, bottom = reading.view
    across, down = right - left, bottom - top
    return (
        (box[0] / width - left) / across,
        (box[1] / height - top) / down,
        (box[2] / width - left) / across,
        (box[3] / height - top) / down,
    )


def _fills_spot(reading: HeatReading, face: DetectedFace, frame_size: tuple[int, int]) -> bool:
    """Return whether the spot of a single-pixel sensor lies on the face."""
    left, top, width, height = face.box
    box = _in_view((left, top, left + width, top + height), reading, frame_size)
    is_centred = box[0] < 0.5 < box[2] and box[1] < 0.5 < box[3]
    return is_centred and (box[2] - box[0]) * (box[3] - box[1]) >= _SPOT_LEAST_SHARE
