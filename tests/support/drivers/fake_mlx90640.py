"""An MLX90640 on the bus, with a scene before it.

The chip is made of raw constants that are packed into its EEPROM. What it would count when it looks
at a scene is worked out from the same raw constants, pixel by pixel, by turning the data sheet's
equations round (3901090640, revision 12, 11.2). Nothing here comes from the driver.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ROWS, COLUMNS = 24, 32
Scene = Sequence[Sequence[float]]


def field_of(value: int, bits: int) -> int:
    """Return a value in that many bits, a negative one in two's complement."""
    assert -(1 << bits - 1) <= value < 1 << bits, (value, bits)
    return value & (1 << bits) - 1


def joined(*parts: tuple[int, int]) -> int:
    """Join values with their numbers of bits to a word, the highest bits first."""
    word = 0
    for value, bits in parts:
        word = word << bits | field_of(value, bits)
    assert sum(bits for _, bits in parts) == 16
    return word


@dataclass
class Raw:
    """Constants as they stand in the EEPROM; the defaults are near those of a real sensor."""

    k_vdd: int = -99
    vdd_25: int = 104
    kv_ptat: int = 22
    kt_ptat: int = 338
    ptat_25: int = 12273
    k_ptat: int = 4
    gain: int = 6383
    tgc: int = 32
    ks_ta: int = -16
    ks_to: tuple[int, int, int, int] = (-105, -105, -105, -105)
    ks_to_scale: int = 9
    step: int = 2
    ct3: int = 8
    ct4: int = 8
    cp_alpha: int = 70
    cp_alpha_ratio: int = -7
    cp_offset: int = -75
    cp_offset_delta: int = -2
    cp_kta: int = 75
    cp_kv: int = 4
    il_chess: tuple[int, int, int] = (20, 6, 1)
    resolution: int = 2
    is_interleaved: bool = False
    offset_average: int = -69
    offset_scales: tuple[int, int, int] = (2, 1, 0)
    offset_rows: list[int] = field(default_factory=lambda: [0] * ROWS)
    offset_columns: list[int] = field(default_factory=lambda: [0] * COLUMNS)
    alpha_scale: int = 7
    alpha_average: int = 12100
    alpha_scales: tuple[int, int, int] = (9, 10, 6)
    alpha_rows: list[int] = field(default_factory=lambda: [0] * ROWS)
    alpha_columns: list[int] = field(default_factory=lambda: [0] * COLUMNS)
    # For row and column numbers, from 1: odd odd, odd even, even odd, even even.
    kv: tuple[int, ...] = (5, 5, 4, 4)
    kta: tuple[int, ...] = (105, 83, 86, 84)
    kv_scale: int = 3
    kta_scales: tuple[int, int] = (6, 3)
    # Of each pixel: offset, sensitivity, kta, outlier.
    pixels: list[tuple[int, int, int, int]] = field(
        default_factory=lambda: [(2, 10, 0, 0)] * (ROWS * COLUMNS)
    )
    broken: frozenset[int] = frozenset()

    @classmethod
    def random(cls, rng: random.Random) -> "Raw":
        """Return another sensor of the same make."""
        return cls(
            k_vdd=rng.randint(-105, -90),
            vdd_25=rng.randint(90, 120),
            kv_ptat=rng.randint(-10, 31),
            kt_ptat=rng.randint(320, 350),
            ptat_25=rng.randint(11_800, 12_700),
            k_ptat=rng.randint(3, 5),
            gain=rng.randint(5000, 7000),
            tgc=rng.randint(-8, 40),
            ks_ta=rng.randint(-24, 10),
            ks_to=(-100, rng.randint(-110, -80), rng.randint(-110, -80), -90),
            cp_offset=rng.randint(-100, -40),
            cp_offset_delta=rng.randint(-6, 6),
            cp_alpha_ratio=rng.randint(-10, 10),
            cp_kta=rng.randint(40, 90),
            il_chess=(rng.randint(-31, 31), rng.randint(-15, 15), rng.randint(-15, 15)),
            offset_average=rng.randint(-90, -40),
            offset_rows=[rng.randint(-8, 7) for _ in range(ROWS)],
            offset_columns=[rng.randint(-8, 7) for _ in range(COLUMNS)],
            alpha_rows=[rng.randint(-1, 1) for _ in range(ROWS)],
            alpha_columns=[rng.randint(-1, 1) for _ in range(COLUMNS)],
            kv=tuple(rng.randint(-8, 7) for _ in range(4)),
            kta=tuple(rng.randint(60, 110) for _ in range(4)),
            pixels=[
                # Never all nothing, which would be a pixel that has failed.
                (rng.choice((-32, -3, 1, 31)), rng.randint(-12, 12), rng.randint(-4, 3), 0)
                for _ in range(ROWS * COLUMNS)
            ],
        )

    def eeprom(self) -> list[int]:
        """Return the words from 0x2400 on."""
        words = [0] * 0x340

        def put(address: int, *parts: tuple[int, int]) -> None:
            words[address - 0x2400] = joined(*parts)

        def put_nibbles(address: int, values: list[int]) -> None:
            for place in range(0, len(values), 4):
                first, second, third, fourth = values[place : place + 4]
                put(address + place // 4, (fourth, 4), (third, 4), (second, 4), (first, 4))

        words[0x0A] = 0x0800 if self.is_interleaved else 0
        put(0x2410, (self.k_ptat, 4), *((scale, 4) for scale in self.offset_scales))
        put(0x2411, (self.offset_average, 16))
        put_nibbles(0x2412, self.offset_rows)
        put_nibbles(0x2418, self.offset_columns)
        put(0x2420, (self.alpha_scale, 4), *((scale, 4) for scale in self.alpha_scales))
        put(0x2421, (self.alpha_average, 16))
        put_nibbles(0x2422, self.alpha_rows)
        put_nibbles(0x2428, self.alpha_columns)
        put(0x2430, (self.gain, 16))
        put(0x2431, (self.ptat_25, 16))
        put(0x2432, (self.kv_ptat, 6), (self.kt_ptat, 10))
        put(0x2433, (self.k_vdd, 8), (self.vdd_25, 8))
        odd_odd, odd_even, even_odd, even_even = self.kv
        put(0x2434, (odd_odd, 4), (even_odd, 4), (odd_even, 4), (even_even, 4))
        put(0x2435, (self.il_chess[2], 5), (self.il_chess[1], 5), (self.il_chess[0], 6))
        odd_odd, odd_even, even_odd, even_even = self.kta
        put(0x2436, (odd_odd, 8), (even_odd, 8))
        put(0x2437, (odd_even, 8), (even_even, 8))
        scales = ((self.kv_scale, 4), (self.kta_scales[0], 4), (self.kta_scales[1], 4))
        put(0x2438, (self.resolution, 4), *scales)
        put(0x2439, (self.cp_alpha_ratio, 6), (self.cp_alpha, 10))
        put(0x243A, (self.cp_offset_delta, 6), (self.cp_offset, 10))
        put(0x243B, (self.cp_kv, 8), (self.cp_kta, 8))
        put(0x243C, (self.ks_ta, 8), (self.tgc, 8))
        put(0x243D, (self.ks_to[1], 8), (self.ks_to[0], 8))
        put(0x243E, (self.ks_to[3], 8), (self.ks_to[2], 8))
        put(0x243F, (self.step, 4), (self.ct4, 4), (self.ct3, 4), (self.ks_to_scale, 4))
        for number, (offset, alpha, kta, outlier) in enumerate(self.pixels):
            put(0x2440 + number, (offset, 6), (alpha, 6), (kta, 3), (outlier, 1))
        for number in self.broken:
            words[0x40 + number] = 0
        return words


@dataclass
class Surroundings:
    """Counts of what is not a pixel, and what is mirrored in the scene."""

    ptat: int = 1711
    vbe: int = 19442
    vdd: int = -13115
    gain: int = 6273
    cp: tuple[int, int] = (-54, -56)
    emissivity: float = 1.0
    self_heating_c: float = 8.0


class Optics:
    """What the chip counts when it looks at a scene."""

    def __init__(self, raw: Raw, around: Surroundings, *, is_chess: bool) -> None:
        self.raw, self.around, self.is_chess = raw, around, is_chess
        kv_scale, kta_scale = 2.0**raw.kv_scale, 2.0 ** (raw.kta_scales[0] + 8)
        vdd_25 = (raw.vdd_25 - 256) * 32 - 8192
        self.over_v = (around.vdd - vdd_25) / (raw.k_vdd * 32)
        art = around.ptat / (around.ptat * (raw.k_ptat / 4 + 8) + around.vbe) * 2**18
        straight = art / (1 + raw.kv_ptat / 4096 * self.over_v)
        self.ta_c = (straight - raw.ptat_25) / (raw.kt_ptat / 8) + 25
        self.gain = raw.gain / around.gain
        self.kv = [value / kv_scale for value in raw.kv]
        self.kta_scale = kta_scale
        cp_drift = (1 + raw.cp_kta / kta_scale * (self.ta_c - 25)) * (
            1 + raw.cp_kv / kv_scale * self.over_v
        )
        offsets: list[float] = [raw.cp_offset, raw.cp_offset + raw.cp_offset_delta]
        if is_chess == raw.is_interleaved:
            offsets[1] += raw.il_chess[0] / 16
        self.cp = [
            counted * self.gain - offset * cp_drift
            for counted, offset in zip(around.cp, offsets, strict=True)
        ]
        alpha = raw.cp_alpha / 2 ** (raw.alpha_scale + 27)
        self.cp_alpha = (alpha, alpha * (1 + raw.cp_alpha_ratio / 128))

    def subpage_of(self, row: int, column: int) -> int:
        return (row + column) % 2 if self.is_chess else row % 2

    def count(self, row: int, column: int, object_c: float) -> int:
        """Return the raw count of a pixel, from 0, that looks at something of a temperature."""
        raw, number = self.raw, row * COLUMNS + column
        offset, alpha, kta, _ = raw.pixels[number]
        parity = row % 2 * 2 + column % 2  # from 0: even numbers are the odd ones of the sheet
        row_scale, column_scale, own_scale = raw.offset_scales
        offset = (
            raw.offset_average
            + raw.offset_rows[row] * 2**row_scale
            + raw.offset_columns[column] * 2**column_scale
            + offset * 2**own_scale
        )
        kta_own = (raw.kta[parity] + kta * 2 ** raw.kta_scales[1]) / self.kta_scale
        drift = (1 + kta_own * (self.ta_c - 25)) * (1 + self.kv[parity] * self.over_v)
        subpage = self.subpage_of(row, column)
        counts: float = (
            self.radiation(row, column, alpha, subpage, object_c) * self.around.emissivity
        )
        counts += raw.tgc / 32 * self.cp[subpage] + offset * drift
        if self.is_chess == raw.is_interleaved:
            counts += self.other_pattern(number)
        return round(counts / self.gain)

    def other_pattern(self, number: int) -> float:
        """What a pixel counts more in the pattern it was not calibrated for."""
        _, c2, c3 = self.raw.il_chess
        is_odd_row = number // COLUMNS % 2
        place = number % 4
        wave = {0: 0, 1: -1, 2: 0, 3: 1}[place] * (-1 if is_odd_row else 1)
        return -(c3 / 8) * (1 if is_odd_row else -1) + c2 / 2 * wave

    def radiation(self, row: int, column: int, own: int, subpage: int, object_c: float) -> float:
        """Counts that what is seen brings, more than the sensor itself."""
        raw = self.raw
        row_scale, column_scale, own_scale = raw.alpha_scales
        alpha = (
            raw.alpha_average
            + raw.alpha_rows[row] * 2**row_scale
            + raw.alpha_columns[column] * 2**column_scale
            + own * 2**own_scale
        ) / 2 ** (raw.alpha_scale + 30)
        alpha -= raw.tgc / 32 * self.cp_alpha[subpage]
        alpha *= 1 + raw.ks_ta / 8192 * (self.ta_c - 25)
        kelvin_ta, kelvin = self.ta_c + 273.15, object_c + 273.15
        kelvin_tr = kelvin_ta - self.around.self_heating_c
        mirrored = kelvin_tr**4 - (kelvin_tr**4 - kelvin_ta**4) / self.around.emissivity
        return float(alpha * self.sensitivity(object_c) * (kelvin**4 - mirrored))

    def sensitivity(self, object_c: float) -> float:
        """Return by how much a pixel is more sensitive at a temperature than at 0 °C."""
        raw = self.raw
        slopes: list[float] = [one / 2 ** (raw.ks_to_scale + 8) for one in raw.ks_to]
        third_c = raw.ct3 * raw.step * 10
        fourth_c = third_c + raw.ct4 * raw.step * 10
        if object_c < 0:
            return (1 + slopes[0] * (object_c + 40)) / (1 + slopes[0] * 40)
        if object_c < third_c:
            return 1 + slopes[1] * object_c
        at_third = 1 + slopes[1] * third_c
        if object_c < fourth_c:
            return at_third * (1 + slopes[2] * (object_c - third_c))
        at_fourth = at_third * (1 + slopes[2] * (fourth_c - third_c))
        return at_fourth * (1 + slopes[3] * (object_c - fourth_c))


class FakeMlx90640:
    """The chip on the bus: words of 16 bits at addresses of 16 bits, the high octet first.

    It measures the next subpage when its status was asked for a few times without news.
    """

    def __init__(self, raw: Raw, *, scene: Scene, around: Surroundings | None = None) -> None:
        self.raw = raw
        self.scene = scene
        self.around = around or Surroundings()
        self.eeprom = raw.eeprom()
        self.ram = [0x7FFF] * 0x340
        self.control = 0
        self._measures_chess = True
        self.settle(0x1901)  # as it comes from the factory: chess, 18 bits, 2 Hz
        self.status = 0x0010
        self.asked_before_news = 1
        self.measured = 0
        self.is_halted = False
        self.while_read: Callable[[], None] = lambda: None
        self.before_taken: Callable[[], None] = lambda: None
        self.obeys = True
        self._asked = 0
        self._address = 0

    def settle(self, control: int) -> None:
        """Have run with these settings for a while."""
        self.control = control
        self._measures_chess = bool(control & 0x1000)

    def write(self, octets: bytes) -> None:
        self._address = int.from_bytes(octets[:2])
        if len(octets) == 4:
            self.take(self._address, int.from_bytes(octets[2:]))

    def read(self, count: int) -> bytes:
        words = []
        for _ in range(count // 2):
            words.append(self._word(self._address))
            self._address += 1
        if len(words) > 1:
            self.while_read()
        return b"".join(word.to_bytes(2) for word in words)

    def measure(self) -> None:
        """Measure the next subpage, as the chip does by itself.

        What is written meanwhile holds from the one after it.
        """
        subpage = self.measured % 2
        self.measured += 1
        optics = Optics(self.raw, self.around, is_chess=self._measures_chess)
        self._measures_chess = bool(self.control & 0x1000)
        for row in range(ROWS):
            for column in range(COLUMNS):
                if optics.subpage_of(row, column) == subpage:
                    count = optics.count(row, column, self.scene[row][column])
                    self.ram[row * COLUMNS + column] = field_of(count, 16)
        around = self.around
        # A coarser converter counts less.
        coarser = 2 ** ((self.control >> 10 & 3) - self.raw.resolution)
        for address, value in {
            0x0700: around.vbe,
            (0x0708, 0x0728)[subpage]: around.cp[subpage],
            0x070A: around.gain,
            0x0720: around.ptat,
            0x072A: math.floor(around.vdd * coarser),
        }.items():
            self.ram[address - 0x0400] = field_of(value, 16)
        self.status = self.status & ~0x0007 | 0x0008 | subpage

    def _word(self, address: int) -> int:
        if address == 0x8000:
            return self._asked_for_news()
        if address == 0x800D:
            return self.control
        if 0x2400 <= address < 0x2740:
            return self.eeprom[address - 0x2400]
        return self.ram[address - 0x0400]

    def _asked_for_news(self) -> int:
        if not self.status & 0x0008 and not self.is_halted:
            self._asked += 1
            if self._asked > self.asked_before_news:
                self._asked = 0
                self.measure()
        return self.status

    def take(self, address: int, value: int) -> None:
        """Take a word into a register, unless it does not obey."""
        if not self.obeys:
            return
        if address == 0x800D:
            self.control = value
        elif address == 0x8000:
            self.before_taken()
            # Bits 0 to 2 can only be read; bit 3 is cleared by writing it as 0.
            self.status = self.status & 0x0007 | value & 0x0038
            self._asked = 0
        else:
            raise OSError(121, "Remote I/O error")  # RAM and EEPROM are not written in operation
