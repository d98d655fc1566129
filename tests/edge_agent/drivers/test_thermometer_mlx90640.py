"""The infrared picture: the data sheet's example, and scenes seen through a chip turned round."""

import random
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.drivers.base import Frame, HeatReading
from edge_agent.drivers.exceptions import (
    DriverError,
    DriverProtocolError,
    DriverTimeout,
    DriverUnavailable,
)
from edge_agent.drivers.mlx90640_calibration import calibration
from edge_agent.drivers.mlx90640_temperature import (
    Measured,
    all_ranges_c,
    basic_range_c,
    belongs_to,
    net_signal,
    object_c,
    sensor_c,
    supply_v,
)
from edge_agent.drivers.thermometer_mlx90640 import Mlx90640, Mlx90640Options, Pattern
from tests.support.drivers.fake_mlx90640 import (
    COLUMNS,
    ROWS,
    FakeMlx90640,
    Optics,
    Raw,
    Scene,
    Surroundings,
    field_of,
)

if TYPE_CHECKING:
    from tests.support.drivers.fake_i2c import FakeI2c

# Words of the worked example (data sheet 3901090640, revision 12, 11.2), which follows the pixel
# in row 12 and column 16.
EXAMPLE = {
    **{0x2410: 0x4210, 0x2411: 0xFFBB, 0x2414: 0xF2F2, 0x2415: 0xE2E2, 0x241B: 0xE0EF},
    **{0x2420: 0x79A6, 0x2421: 0x2F44, 0x2424: 0x3333, 0x242B: 0x3333},
    **{0x2430: 0x18EF, 0x2431: 0x2FF1, 0x2432: 0x5952, 0x2433: 0x9D68, 0x2434: 0x5454},
    **{0x2435: 0x0994, 0x2436: 0x6956, 0x2437: 0x5354, 0x2438: 0x2363, 0x2439: 0xE446},
    **{0x243A: 0xFBB5, 0x243B: 0x044B, 0x243C: 0xF020, 0x243D: 0x9797, 0x243E: 0x9797},
    **{0x243F: 0x2889, 0x25AF: 0x08A0},
}
EXAMPLE_RAM = {
    **{0x056F: 0x0261, 0x0700: 0x4BF2, 0x0708: 0xFFCA, 0x070A: 0x1881, 0x0720: 0x06AF},
    **{0x0728: 0xFFC8, 0x072A: 0xCCC5},
}
PIXEL = (11, 15)


def example_words() -> Any:
    words = np.zeros(0x340, dtype=np.uint16)
    words[0x40:] = 0x08A0
    for address, word in EXAMPLE.items():
        words[address - 0x2400] = word
    return words


def example_measured(*, is_chess: bool, subpage: int) -> Measured:
    ram = np.zeros(0x340, dtype=np.uint16)
    for address, word in EXAMPLE_RAM.items():
        ram[address - 0x0400] = word
    return Measured(ram, subpage, is_chess=is_chess, resolution=2)


def test_constants_of_the_worked_example() -> None:
    known = calibration(example_words())

    assert (known.k_vdd, known.vdd_25) == (-3168, -13056)
    assert (known.kv_ptat, known.kt_ptat, known.v_ptat_25) == (0.00537109375, 42.25, 12273)
    assert (known.alpha_ptat, known.gain, known.tgc) == (9, 6383, 1)
    assert (known.ks_ta, known.ks_to[1]) == (-0.001953125, -0.00080108642578125)
    assert known.corner_c == (-40, 0, 160, 320)
    assert (known.cp_offset, known.cp_kta, known.cp_kv) == ((-75, -77), 0.00457763671875, 0.5)
    assert known.cp_alpha == pytest.approx((4.07453626394272e-09, 3.85171006200835e-09))
    assert known.il_chess == (1.25, 3.0, 0.125)
    assert (known.resolution, known.is_chess) == (2, True)
    assert known.offset[PIXEL] == -75
    assert (known.kta[PIXEL], known.kv[PIXEL]) == (0.005126953125, 0.5)
    assert known.alpha[PIXEL] == pytest.approx(1.262233122690854e-07)


def test_steps_of_the_worked_example() -> None:
    known = calibration(example_words())
    chess = example_measured(is_chess=True, subpage=0)
    by_rows = example_measured(is_chess=False, subpage=1)

    assert supply_v(chess, known) == pytest.approx(3.319, abs=0.0005)
    assert sensor_c(chess, known) == pytest.approx(39.184, abs=0.0005)
    # Offset 700.882…, less the compensation pixel's 25.666….
    signal = net_signal(chess, known, sensor_c(chess, known))
    assert signal[PIXEL] == pytest.approx(700.8824956908766 - 25.66665750599561)
    signal = net_signal(by_rows, known, sensor_c(by_rows, known))
    assert signal[PIXEL] == pytest.approx(679.5697733952506)


def test_last_steps_of_the_worked_example() -> None:
    """From the sheet's own signal, 679.25: it took another compensation pixel than its formula."""
    known = calibration(example_words())
    signal, alpha, background = np.array([679.250909123826]), np.array([1.1876487360496e-07]), 0.0
    background = (39.184 + 273.15) ** 4

    basic_c = basic_range_c(signal, alpha, background, known)

    assert background == pytest.approx(9516495632.56)
    assert basic_c[0] == pytest.approx(80.36331, abs=0.00001)
    assert all_ranges_c(signal, alpha, background, known, basic_c)[0] == pytest.approx(80.42781)


def test_subpages_share_the_pixels() -> None:
    chess, by_rows = belongs_to(0, is_chess=True), belongs_to(1, is_chess=False)

    assert chess[0, :4].tolist() == [True, False, True, False]
    assert chess[1, :4].tolist() == [False, True, False, True]
    assert by_rows[:4, 7].tolist() == [False, True, False, True]
    assert (belongs_to(0, is_chess=True) ^ belongs_to(1, is_chess=True)).all()


def flat(value_c: float) -> list[list[float]]:
    return [[value_c] * COLUMNS for _ in range(ROWS)]


def random_scene(seed: int, least_c: float, most_c: float) -> Scene:
    rng = random.Random(seed)
    return [[rng.uniform(least_c, most_c) for _ in range(COLUMNS)] for _ in range(ROWS)]


@st.composite
def surroundings(draw: st.DrawFn) -> Surroundings:
    return Surroundings(
        ptat=draw(st.integers(1690, 1740)),
        vbe=draw(st.integers(19_300, 19_600)),
        vdd=draw(st.integers(-13_500, -12_700)),
        gain=draw(st.integers(6000, 6600)),
        cp=(draw(st.integers(-70, -40)), draw(st.integers(-70, -40))),
        emissivity=draw(st.floats(0.9, 1)),
        self_heating_c=draw(st.floats(0, 15)),
    )


def seen_through(raw: Raw, around: Surroundings, scene: Scene, *, is_chess: bool) -> Any:
    """Both subpages as the chip counts them and the driver's equations read them."""
    chip = FakeMlx90640(raw, scene=scene, around=around)
    chip.settle(0x1901 if is_chess else 0x0901)
    chip.measure()
    chip.measure()
    known = calibration(np.array(chip.eeprom, dtype=np.uint16))
    merged = np.full((ROWS, COLUMNS), np.nan)
    for subpage in (0, 1):
        half = Measured(np.array(chip.ram, dtype=np.uint16), subpage, is_chess, resolution=2)
        reflected_c = sensor_c(half, known) - around.self_heating_c
        part = object_c(half, known, emissivity=around.emissivity, reflected_c=reflected_c)
        merged = np.where(np.isnan(merged), part, merged)
    return merged


@given(
    seed=st.integers(0, 1_000_000),
    around=surroundings(),
    is_chess=st.booleans(),
    is_interleaved=st.booleans(),
)
@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_people_are_seen_as_warm_as_they_are(
    seed: int, around: Surroundings, is_chess: bool, is_interleaved: bool
) -> None:
    raw = Raw.random(random.Random(seed))
    raw.is_interleaved = is_interleaved
    scene = random_scene(seed, 15, 50)

    seen = seen_through(raw, around, scene, is_chess=is_chess)

    # A count of the converter is up to 0.2 °C; half of one is lost by rounding.
    assert np.abs(seen - np.array(scene)).max() < 0.12


@pytest.mark.parametrize(("least_c", "most_c"), [(-39, -5), (165, 300), (330, 400)])
def test_other_ranges_have_their_own_slopes(least_c: float, most_c: float) -> None:
    raw = Raw.random(random.Random(3))
    raw.ks_to = (-60, -105, -125, -20)
    scene = random_scene(4, least_c, most_c)

    seen = seen_through(raw, Surroundings(), scene, is_chess=True)

    # The last step begins from the basic range's estimate, which is coarse far away from it.
    assert np.abs(seen - np.array(scene)).max() < max(0.3, 0.004 * most_c)


def test_the_fake_chip_counts_as_the_worked_example() -> None:
    """What turns the equations round must itself agree with the data sheet."""
    raw = Raw(offset_rows=[0] * ROWS, offset_columns=[0] * COLUMNS)
    raw.offset_rows[11], raw.offset_columns[15] = -1, -2
    optics = Optics(raw, Surroundings(), is_chess=False)

    assert optics.ta_c == pytest.approx(39.184, abs=0.0005)
    assert optics.cp == pytest.approx((25.66665750599561, 24.437722295625953))


@pytest.mark.parametrize("word", [0x0000, 0x08A1])
def test_broken_pixels_and_outliers_are_no_numbers(word: int) -> None:
    words = example_words()
    words[0x40 + 11 * 32 + 15] = word

    seen_c = object_c(
        example_measured(is_chess=True, subpage=0),
        calibration(words),
        emissivity=1.0,
        reflected_c=31.0,
    )

    assert np.isnan(seen_c[PIXEL])
    assert np.isfinite(seen_c[11, 13])


@pytest.mark.parametrize("value", [0x0000, 0xFFFF])
def test_an_empty_memory_is_no_calibration(value: int) -> None:
    with pytest.raises(DriverProtocolError):
        calibration(np.full(0x340, value, dtype=np.uint16))


def test_the_smaller_sensor_of_the_family_is_named() -> None:
    words = example_words()
    words[0x0A] = 0x0040

    with pytest.raises(DriverProtocolError, match="is an MLX90641"):
        calibration(words)


Chip = FakeMlx90640


@pytest.fixture
def chip(i2c: "FakeI2c") -> Chip:
    """Return a chip at its address, with a warm face on the left of a cool wall."""
    scene = flat(22.0)
    for row in range(4, 16):
        scene[row][3:12] = [35.0] * 9
    made = FakeMlx90640(Raw(), scene=scene, around=Surroundings(emissivity=0.98))
    i2c.buses[1][0x33] = made
    return made


async def one_reading(options: Mlx90640Options, frame: Frame) -> HeatReading:
    thermometer = Mlx90640(options)
    await thermometer.open()
    try:
        reading = await thermometer.read(frame)
    finally:
        await thermometer.close()
    assert reading is not None
    return reading


FAST = Mlx90640Options(refresh_hz=32)


@pytest.mark.parametrize("pattern", Pattern)
@pytest.mark.parametrize("control", [0x1901, 0x0901])
async def test_a_face_is_seen_where_it_is(
    chip: Chip, frame: Frame, pattern: Pattern, control: int
) -> None:
    """Whatever the sensor did before."""
    chip.settle(control)
    chip.measure()

    reading = await one_reading(Mlx90640Options(refresh_hz=32, pattern=pattern), frame)

    assert reading.surface_c.shape == (24, 32)
    assert reading.surface_c.dtype == np.float32
    assert np.abs(reading.surface_c - np.array(chip.scene)).max() < 0.15
    assert reading.ambient_c == pytest.approx(39.18 - 8, abs=0.01)
    assert not reading.is_body


@pytest.mark.parametrize(
    ("options", "row", "column"),
    [
        ({}, 4, 3),
        ({"mirrored": True}, 4, 31 - 3),
        ({"rotated": 180}, 23 - 4, 31 - 3),
        ({"rotated": 90}, 3, 23 - 4),
        ({"rotated": 270}, 31 - 3, 4),
        ({"rotated": 90, "mirrored": True}, 31 - 3, 23 - 4),
    ],
)
async def test_a_sensor_may_hang_as_it_likes(
    chip: Chip, frame: Frame, options: dict[str, Any], row: int, column: int
) -> None:
    scene = flat(22.0)
    scene[4][3] = 40.0
    chip.scene = scene

    reading = await one_reading(Mlx90640Options(refresh_hz=32, **options), frame)

    found = np.unravel_index(np.nanargmax(reading.surface_c), reading.surface_c.shape)
    assert tuple(int(one) for one in found) == (row, column)


async def test_settings_are_written_and_the_rest_left(chip: Chip, frame: Frame) -> None:
    chip.control |= 0x000C  # somebody left it holding its data

    await one_reading(Mlx90640Options(refresh_hz=16), frame)

    assert chip.control == 0x1000 | 2 << 10 | 5 << 7 | 1


async def test_a_coarser_converter_is_made_up_for(chip: Chip, frame: Frame) -> None:
    known = calibration(np.array(chip.eeprom, dtype=np.uint16))
    chip.settle(0x1000 | 0 << 10 | 1)
    chip.measure()

    half = Measured(np.array(chip.ram, dtype=np.uint16), 0, is_chess=True, resolution=0)

    assert supply_v(half, known) == pytest.approx(3.3186, abs=0.002)


@pytest.mark.parametrize(
    ("moment", "halves"), [("while_read", 1), ("while_read", 2), ("before_taken", 1)]
)
async def test_half_pictures_that_were_overwritten_are_read_again(
    chip: Chip, frame: Frame, moment: str, halves: int
) -> None:
    def overwrite() -> None:
        if chip.measured == 4:  # the second half, after which the picture is complete
            # What the old pixels were counted with does not hold any more.
            chip.around.gain += 300
            for _ in range(halves):
                chip.measure()

    setattr(chip, moment, overwrite)
    reading = await one_reading(FAST, frame)

    assert np.abs(reading.surface_c - np.array(chip.scene)).max() < 0.15
    assert chip.measured >= 6


async def test_a_bus_that_is_too_slow_is_named(chip: Chip, frame: Frame) -> None:
    chip.while_read = chip.measure

    with pytest.raises(DriverError, match="faster than its bus: lower refresh_hz"):
        await one_reading(FAST, frame)


async def test_a_sensor_that_stops_is_a_timeout(chip: Chip, frame: Frame) -> None:
    thermometer = Mlx90640(FAST, next_limit_s=0.1)
    await thermometer.open()
    chip.is_halted = True

    with pytest.raises(DriverTimeout, match="measures nothing"):
        await thermometer.read(frame)
    await thermometer.close()


async def test_a_sensor_that_measures_nothing_is_not_there(chip: Chip) -> None:
    chip.is_halted = True

    with pytest.raises(DriverUnavailable, match="measures nothing"):
        await Mlx90640(FAST, next_limit_s=0.1).open()


async def test_a_measurement_that_is_none_is_an_error(chip: Chip, frame: Frame) -> None:
    def spoil() -> None:
        chip.ram[0x0720 - 0x0400] = 0x7FFF

    chip.while_read = spoil
    with pytest.raises(DriverProtocolError, match="sends no measurement"):
        await one_reading(FAST, frame)
        await one_reading(FAST, frame)


async def test_messages_stay_short(chip: Chip, i2c: "FakeI2c", frame: Frame) -> None:
    await one_reading(FAST, frame)

    assert i2c.longest <= 512


async def test_a_sensor_that_does_not_obey_is_named(chip: Chip) -> None:
    chip.obeys = False

    with pytest.raises(DriverUnavailable, match="does not take its settings"):
        await Mlx90640(FAST).open()


async def test_absent_sensor_is_one_clear_sentence(i2c: "FakeI2c") -> None:
    with pytest.raises(DriverUnavailable, match=r"there is no thermometer MLX90640: no answer"):
        await Mlx90640(FAST).open()


async def test_another_chip_at_its_address_is_one_clear_sentence(i2c: "FakeI2c") -> None:
    other = FakeMlx90640(Raw(), scene=flat(20.0))
    other.eeprom = [field_of(-1, 16)] * 0x340
    i2c.buses[1][0x33] = other

    with pytest.raises(DriverUnavailable, match="there is no thermometer MLX90640"):
        await Mlx90640(FAST).open()


@pytest.mark.parametrize(
    ("options", "reported"),
    [({"refresh_hz": 9}, "refresh_hz: must be one of"), ({"rotated": 45}, "rotated: must be one")],
)
def test_numbers_between_are_refused(options: dict[str, int], reported: str) -> None:
    with pytest.raises(ConfigInvalid, match=reported):
        Mlx90640Options(**options).make()
