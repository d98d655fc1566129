"""Calibration data in the EEPROM of an MLX90640 (data sheet 3901090640, revision 12, 11.1).

Names follow the data sheet; arrays have a row for each of the 24 rows and a column for each of the
32 columns of the sensor, in the order in which it is read out.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.drivers.exceptions import DriverProtocolError

ROWS: Final = 24
COLUMNS: Final = 32
PIXELS: Final = ROWS * COLUMNS
EEPROM_START: Final = 0x2400
EEPROM_WORDS: Final = 0x340
_PIXELS_AT: Final = 0x2440
_NO_PIXEL: Final = 0
_OUTLIER: Final = 0x0001
_IS_OTHER_SENSOR: Final = 0x0040  # of word 0x240A: set in an MLX90641, which has 16 x 12 pixels
_IS_INTERLEAVED: Final = 0x0800  # of the same word: pattern at the factory's calibration

Pixels = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """Constants of one sensor.

    Attributes:
        k_vdd, vdd_25: of the supply, in counts for each volt, and counts at 3.3 V.
        kv_ptat, kt_ptat, v_ptat_25, alpha_ptat: of the sensor's own temperature.
        gain: what the gain's word holds at 25 °C.
        tgc: how much of the compensation pixels counts.
        ks_ta: change of the sensitivity for each °C of the sensor.
        ks_to, corner_c, range_factor: change of the sensitivity with the object's temperature: for
            each of four ranges the slope, the temperature at which it begins, and the factor there.
        cp_alpha, cp_offset: of the compensation pixels of both subpages.
        cp_kta, cp_kv: how these offsets change with temperature and supply.
        il_chess: corrections C1 to C3 for the pattern that was not used for the calibration.
        resolution: of the converter at the calibration, 0 to 3 for 16 to 19 bits.
        is_chess: whether the chess pattern was used for the calibration.
        offset, kta, kv, alpha: of each pixel; offsets in counts, alpha without compensation.
        is_bad: pixels that have failed, or that are out of specification.
    """

    k_vdd: int
    vdd_25: int
    kv_ptat: float
    kt_ptat: float
    v_ptat_25: int
    alpha_ptat: float
    gain: int
    tgc: float
    ks_ta: float
    ks_to: tuple[float, float, float, float]
    corner_c: tuple[float, float, float, float]
    range_factor: tuple[float, float, float, float]
    cp_alpha: tuple[float, float]
    cp_offset: tuple[int, int]
    cp_kta: float
    cp_kv: float
    il_chess: tuple[float, float, float]
    resolution: int
    is_chess: bool
    offset: Pixels
    kta: Pixels
    kv: Pixels
    alpha: Pixels
    is_bad: NDArray[np.bool_]


class _Words:
    """The EEPROM by addresses of the data sheet."""

    def __init__(self, words: NDArray[np.uint16]) -> None:
        self._words = words.astype(np.int64)

    def at(self, address: int) -> int:
        return int(self._words[address - EEPROM_START])

    def bits(self, address: int, low: int, count: int) -> int:
        """Return bits of a word as an unsigned number."""
        return self.at(address) >> low & (1 << count) - 1

    def signed(self, address: int, low: int, count: int) -> int:
        """Return bits of a word as a number in two's complement."""
        return _signed(self.bits(address, low, count), count)

    def nibbles(self, address: int, count: int) -> NDArray[np.int64]:
        """Return signed values of four bits, four in a word, lowest bits first."""
        begin = address - EEPROM_START
        words = self._words[begin : begin + count // 4, None]
        values = words >> np.array([0, 4, 8, 12]) & 0xF
        return np.asarray(np.where(values > 7, values - 16, values).reshape(-1))

    def pixels(self) -> NDArray[np.int64]:
        begin = _PIXELS_AT - EEPROM_START
        return self._words[begin : begin + PIXELS].reshape(ROWS, COLUMNS)


def _signed(value: int, count: int) -> int:
    return value - (1 << count) if value >> count - 1 else value


def calibration(words: NDArray[np.uint16]) -> Calibration:
    """Work out the constants.

    Args:
        words: (832,) the EEPROM from 0x2400 on.

    Raises:
        DriverProtocolError: these are not the constants of an MLX90640.
    """
    if words.shape != (EEPROM_WORDS,):
        raise DriverProtocolError("the thermometer's calibration is not complete")
    ee = _Words(words)
    if ee.at(0x240A) & _IS_OTHER_SENSOR:
        raise DriverProtocolError("the sensor is an MLX90641, not an MLX90640")
    ks_to, corner_c, range_factor = _ranges(ee)
    pixels = ee.pixels()
    calibration = Calibration(
        k_vdd=ee.signed(0x2433, 8, 8) * 32,
        vdd_25=(ee.bits(0x2433, 0, 8) - 256) * 32 - 8192,
        kv_ptat=ee.signed(0x2432, 10, 6) / 4096,
        kt_ptat=ee.signed(0x2432, 0, 10) / 8,
        v_ptat_25=ee.signed(0x2431, 0, 16),
        alpha_ptat=ee.bits(0x2410, 12, 4) / 4 + 8,
        gain=ee.signed(0x2430, 0, 16),
        tgc=ee.signed(0x243C, 0, 8) / 32,
        ks_ta=ee.signed(0x243C, 8, 8) / 8192,
        ks_to=ks_to,
        corner_c=corner_c,
        range_factor=range_factor,
        cp_alpha=_cp_alpha(ee),
        cp_offset=_cp_offset(ee),
        cp_kta=ee.signed(0x243B, 0, 8) / _kta_scale(ee),
        cp_kv=ee.signed(0x243B, 8, 8) / _kv_scale(ee),
        il_chess=(
            ee.signed(0x2435, 0, 6) / 16,
            ee.signed(0x2435, 6, 5) / 2,
            ee.signed(0x2435, 11, 5) / 8,
        ),
        resolution=ee.bits(0x2438, 12, 2),
        is_chess=not ee.at(0x240A) & _IS_INTERLEAVED,
        offset=_offset(ee, pixels),
        kta=_kta(ee, pixels),
        kv=_kv(ee),
        alpha=_alpha(ee, pixels),
        is_bad=(pixels == _NO_PIXEL) | (pixels & _OUTLIER != 0),
    )
    _check(calibration)
    return calibration


def _check(calibration: Calibration) -> None:
    """Refuse values of an empty or foreign EEPROM: zero divisors and insensitive pixels.

    Raises:
        DriverProtocolError: these are no constants of a sensor.
    """
    seeing = calibration.alpha[~calibration.is_bad]
    has_divisors = all((calibration.k_vdd, calibration.kt_ptat, calibration.gain))
    if not has_divisors or not seeing.size or seeing.min() <= 0:
        raise DriverProtocolError("the thermometer's memory holds no calibration")


def _ranges(ee: _Words) -> tuple[tuple[float, float, float, float], ...]:
    """Slopes, corners and factors of the ranges (11.1.10 and 11.2.2.9.1)."""
    scale = 1 << ee.bits(0x243F, 0, 4) + 8
    first, second = ee.signed(0x243D, 0, 8) / scale, ee.signed(0x243D, 8, 8) / scale
    third, fourth = ee.signed(0x243E, 0, 8) / scale, ee.signed(0x243E, 8, 8) / scale
    step_c = ee.bits(0x243F, 12, 2) * 10
    third_c = ee.bits(0x243F, 4, 4) * step_c
    fourth_c = third_c + ee.bits(0x243F, 8, 4) * step_c
    at_third = 1 + second * third_c
    return (
        (first, second, third, fourth),
        (-40.0, 0.0, float(third_c), float(fourth_c)),
        (
            1 / (1 + first * 40),
            1.0,
            at_third,
            at_third * (1 + third * (fourth_c - third_c)),
        ),
    )


def _cp_alpha(ee: _Words) -> tuple[float, float]:
    """Sensitivities of the compensation pixels (11.1.12)."""
    first = ee.bits(0x2439, 0, 10) / 2.0 ** (ee.bits(0x2420, 12, 4) + 27)
    return first, first * (1 + ee.signed(0x2439, 10, 6) / 128)


def _cp_offset(ee: _Words) -> tuple[int, int]:
    """Offsets of the compensation pixels (11.1.13)."""
    first = ee.signed(0x243A, 0, 10)
    return first, first + ee.signed(0x243A, 10, 6)


def _kta_scale(ee: _Words) -> float:
    return 2.0 ** (ee.bits(0x2438, 4, 4) + 8)


def _kv_scale(ee: _Words) -> float:
    return 2.0 ** ee.bits(0x2438, 8, 4)


def _spread(pixels: NDArray[np.int64], low: int, count: int) -> NDArray[np.int64]:
    """Return the same signed bit field of every pixel's word."""
    values = pixels >> low & (1 << count) - 1
    return np.where(values >> count - 1, values - (1 << count), values)


def _plane(ee: _Words, *, scales: int, rows: int, columns: int) -> NDArray[np.int64]:
    """Sum what belongs to a pixel's row and to its column, each with its scale."""
    by_row = ee.nibbles(rows, ROWS) << ee.bits(scales, 8, 4)
    by_column = ee.nibbles(columns, COLUMNS) << ee.bits(scales, 4, 4)
    return by_row[:, None] + by_column[None, :]


def _offset(ee: _Words, pixels: NDArray[np.int64]) -> Pixels:
    """Offset of each pixel (11.1.3)."""
    plane = _plane(ee, scales=0x2410, rows=0x2412, columns=0x2418)
    own = _spread(pixels, 10, 6) << ee.bits(0x2410, 0, 4)
    return (ee.signed(0x2411, 0, 16) + plane + own).astype(np.float64)


def _alpha(ee: _Words, pixels: NDArray[np.int64]) -> Pixels:
    """Sensitivity of each pixel (11.1.4)."""
    plane = _plane(ee, scales=0x2420, rows=0x2422, columns=0x2428)
    own = _spread(pixels, 4, 6) << ee.bits(0x2420, 0, 4)
    return (ee.at(0x2421) + plane + own) / 2.0 ** (ee.bits(0x2420, 12, 4) + 30)


def _checkered(odd_odd: int, odd_even: int, even_odd: int, even_even: int) -> NDArray[np.int64]:
    """Lay out four values by whether the numbers of row and column, from 1, are odd."""
    return np.tile(
        np.array([[odd_odd, odd_even], [even_odd, even_even]]), (ROWS // 2, COLUMNS // 2)
    )


def _kta(ee: _Words, pixels: NDArray[np.int64]) -> Pixels:
    """Change of the offset with the sensor's temperature (11.1.6)."""
    common = _checkered(
        odd_odd=ee.signed(0x2436, 8, 8),
        odd_even=ee.signed(0x2437, 8, 8),
        even_odd=ee.signed(0x2436, 0, 8),
        even_even=ee.signed(0x2437, 0, 8),
    )
    own = _spread(pixels, 1, 3) << ee.bits(0x2438, 0, 4)
    return (common + own) / _kta_scale(ee)


def _kv(ee: _Words) -> Pixels:
    """Change of the offset with the supply (11.1.5)."""
    common = _checkered(
        odd_odd=ee.signed(0x2434, 12, 4),
        odd_even=ee.signed(0x2434, 4, 4),
        even_odd=ee.signed(0x2434, 8, 4),
        even_even=ee.signed(0x2434, 0, 4),
    )
    return common / _kv_scale(ee)
