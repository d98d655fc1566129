"""Conversion of MLX90640 counts to temperatures (data sheet 3901090640, revision 12, 11.2)."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from edge_agent.drivers.exceptions import DriverProtocolError
from edge_agent.drivers.mlx90640_calibration import COLUMNS, PIXELS, ROWS, Calibration, Pixels

RAM_START: Final = 0x0400
RAM_WORDS: Final = 0x340
_VBE: Final = 0x0700
_CP: Final = (0x0708, 0x0728)
_GAIN: Final = 0x070A
_PTAT: Final = 0x0720
_VDD: Final = 0x072A
_NOT_READ: Final = 0x7FFF  # what stands where nothing was measured
_ZERO_C_K: Final = 273.15
_VDD_25_V: Final = 3.3
_TA_25_C: Final = 25.0


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Counts of one subpage.

    Attributes:
        ram: (832,) words from 0x0400 on.
        subpage: 0 or 1.
        is_chess: whether subpages interlock like the fields of a chess board, otherwise by rows.
        resolution: of the converter, 0 to 3.
    """

    ram: NDArray[np.uint16]
    subpage: int
    is_chess: bool
    resolution: int

    def word(self, address: int) -> int:
        """Return a signed word of the RAM.

        Raises:
            DriverProtocolError: nothing was measured there.
        """
        value = int(self.ram[address - RAM_START])
        if value == _NOT_READ:
            raise DriverProtocolError("the thermometer MLX90640 sends no measurement")
        return value - 0x10000 if value & 0x8000 else value


def belongs_to(subpage: int, *, is_chess: bool) -> NDArray[np.bool_]:
    """Return which pixels a subpage holds, (24, 32)."""
    rows, columns = np.indices((ROWS, COLUMNS))
    pattern = (rows + columns) % 2 if is_chess else rows % 2
    return np.asarray(pattern == subpage)


def supply_v(measured: Measured, known: Calibration) -> float:
    """Return the sensor's supply in volts (11.2.2.2)."""
    finer = 2.0**known.resolution / 2.0**measured.resolution
    return (finer * measured.word(_VDD) - known.vdd_25) / known.k_vdd + _VDD_25_V


def sensor_c(measured: Measured, known: Calibration) -> float:
    """Return the sensor's own temperature Ta in °C (11.2.2.3)."""
    ptat = measured.word(_PTAT)
    divisor = ptat * known.alpha_ptat + measured.word(_VBE)
    if divisor == 0:
        raise DriverProtocolError("the thermometer MLX90640 sends no measurement")
    v_ptat_art = ptat / divisor * 2.0**18
    change_v = supply_v(measured, known) - _VDD_25_V
    straight = v_ptat_art / (1 + known.kv_ptat * change_v)
    return (straight - known.v_ptat_25) / known.kt_ptat + _TA_25_C


def object_c(
    measured: Measured, known: Calibration, *, emissivity: float, reflected_c: float
) -> Pixels:
    """Return the object temperatures of a subpage's pixels.

    Args:
        measured: the subpage.
        known: constants of the sensor.
        emissivity: of what is seen.
        reflected_c: temperature Tr of what is mirrored in it, in °C.

    Returns:
        (24, 32) °C; not a number for pixels of the other subpage and for those that are bad.

    Raises:
        DriverProtocolError: the counts are none.
    """
    ta_c = sensor_c(measured, known)
    signal = net_signal(measured, known, ta_c) / emissivity
    cp_alpha = known.cp_alpha[measured.subpage]
    alpha = (known.alpha - known.tgc * cp_alpha) * (1 + known.ks_ta * (ta_c - _TA_25_C))
    ta_4, tr_4 = (ta_c + _ZERO_C_K) ** 4, (reflected_c + _ZERO_C_K) ** 4
    # Radiation that reaches a pixel without coming from the object, as a temperature (11.2.2.9).
    background = tr_4 - (tr_4 - ta_4) / emissivity
    # Bad pixels have impossible constants, and a broken sensor impossible counts.
    with np.errstate(invalid="ignore", divide="ignore"):
        roughly_c = basic_range_c(signal, alpha, background, known)
        seen_c = all_ranges_c(signal, alpha, background, known, roughly_c)
    raw = measured.ram[:PIXELS].reshape(ROWS, COLUMNS)
    is_seen = belongs_to(measured.subpage, is_chess=measured.is_chess)
    return np.where(is_seen & ~known.is_bad & (raw != _NOT_READ), seen_c, np.nan)


def net_signal(measured: Measured, known: Calibration, ta_c: float) -> Pixels:
    """Counts freed of gain, offsets and the sensor's own gradient (11.2.2.5 to 11.2.2.7).

    The gradient is taken off before dividing by the emissivity, as the maker's own driver does;
    the data sheet's order differs for emissivities below 1.
    """
    counted = measured.word(_GAIN)
    if counted == 0:
        raise DriverProtocolError("the thermometer MLX90640 sends no measurement")
    gain = known.gain / counted
    warmer_c, change_v = ta_c - _TA_25_C, supply_v(measured, known) - _VDD_25_V
    raw = measured.ram[:PIXELS].astype(np.int16).reshape(ROWS, COLUMNS)
    drift = (1 + known.kta * warmer_c) * (1 + known.kv * change_v)
    signal = raw * gain - known.offset * drift
    cp_offset: float = known.cp_offset[measured.subpage]
    if measured.is_chess != known.is_chess:
        c1, c2, c3 = known.il_chess
        row_sign, wave = _pattern_of_rows()
        signal = signal + c3 * row_sign - c2 * wave
        cp_offset += c1 if measured.subpage else 0.0
    cp_drift = (1 + known.cp_kta * warmer_c) * (1 + known.cp_kv * change_v)
    cp = measured.word(_CP[measured.subpage]) * gain - cp_offset * cp_drift
    return np.asarray(signal - known.tgc * cp)


def _pattern_of_rows() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Signs with which C3 and C2 count for each pixel (11.1.3.1)."""
    number = np.arange(PIXELS).reshape(ROWS, COLUMNS)
    row_sign = 2 * (number // COLUMNS % 2) - 1
    wave = (number + 2) // 4 - (number + 3) // 4 + (number + 1) // 4 - number // 4
    return row_sign, -wave * row_sign


def basic_range_c(signal: Pixels, alpha: Pixels, background: float, known: Calibration) -> Pixels:
    """Temperatures as in the second range, 0 °C to its corner (11.2.2.9)."""
    slope = known.ks_to[1]
    bent = slope * (alpha**3 * signal + alpha**4 * background) ** 0.25
    sensitivity = alpha * (1 - slope * _ZERO_C_K) + bent
    return np.asarray((signal / sensitivity + background) ** 0.25 - _ZERO_C_K)


def all_ranges_c(
    signal: Pixels, alpha: Pixels, background: float, known: Calibration, roughly_c: Pixels
) -> Pixels:
    """Temperatures with the slope of the range that each pixel is in (11.2.2.9.1.3)."""
    # A pixel that is not a number counts as the highest range and stays what it is.
    which = np.searchsorted(np.array(known.corner_c[1:]), roughly_c, side="right")
    slope, corner_c = np.array(known.ks_to)[which], np.array(known.corner_c)[which]
    sensitivity = alpha * np.array(known.range_factor)[which] * (1 + slope * (roughly_c - corner_c))
    return np.asarray((signal / sensitivity + background) ** 0.25 - _ZERO_C_K)
