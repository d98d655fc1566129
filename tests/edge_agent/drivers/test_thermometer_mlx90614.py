"""The infrared thermometer of one spot, register by register."""

import errno
import sys
from typing import TYPE_CHECKING

import pytest

from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import DriverError, DriverProtocolError, DriverUnavailable
from edge_agent.drivers.thermometer_mlx90614 import Mlx90614, Mlx90614Options
from tests.support.drivers.fake_mlx90614 import FakeMlx90614, checksum

if TYPE_CHECKING:
    from tests.support.drivers.fake_i2c import FakeI2c


@pytest.fixture
def chip(i2c: "FakeI2c") -> FakeMlx90614:
    made = FakeMlx90614()
    i2c.buses[1][0x5A] = made
    return made


def test_checksum_of_the_data_sheets_example() -> None:
    """Data sheet 3901090614, 8.4.3.1: reading 0x3AD2 from command 0x07 is followed by 0x30."""
    assert checksum(bytes([0xB4, 0x07, 0xB5, 0xD2, 0x3A])) == 0x30


async def test_words_become_degrees(chip: FakeMlx90614, frame: Frame) -> None:
    """Steps of 0.02 K: 0x3AF7 = 15095 is 301.9 K, 0x3C4D = 15437 is 308.74 K."""
    thermometer = Mlx90614(Mlx90614Options())
    await thermometer.open()

    reading = await thermometer.read(frame)

    await thermometer.close()
    assert reading is not None
    assert reading.surface_c.shape == (1, 1)
    assert float(reading.surface_c[0, 0]) == pytest.approx(35.59, abs=0.001)
    assert reading.ambient_c == pytest.approx(28.75)
    assert not reading.is_body
    assert reading.view == (0.3, 0.2, 0.7, 0.8)


async def test_a_flagged_word_is_no_reading(chip: FakeMlx90614, frame: Frame) -> None:
    thermometer = Mlx90614(Mlx90614Options())
    await thermometer.open()
    chip.words[0x07] |= 0x8000

    assert await thermometer.read(frame) is None
    await thermometer.close()


@pytest.mark.parametrize("position", [0, 1, 2])
async def test_a_flipped_bit_is_an_error_and_no_fever(
    chip: FakeMlx90614, frame: Frame, position: int
) -> None:
    thermometer = Mlx90614(Mlx90614Options())
    await thermometer.open()
    chip.spoil = lambda octets: bytes(
        one ^ (0x10 if place == position else 0) for place, one in enumerate(octets)
    )

    with pytest.raises(DriverProtocolError, match="checksum"):
        await thermometer.read(frame)
    await thermometer.close()


async def test_a_sensor_that_goes_and_comes_again(chip: FakeMlx90614, frame: Frame) -> None:
    thermometer = Mlx90614(Mlx90614Options())
    await thermometer.open()
    chip.error = OSError(errno.EREMOTEIO, "Remote I/O error")
    with pytest.raises(DriverError, match="no answer from address 0x5a of I²C bus 1"):
        await thermometer.read(frame)
    chip.error = None

    assert await thermometer.read(frame) is not None
    await thermometer.close()


async def test_absent_sensor_is_one_clear_sentence(i2c: "FakeI2c") -> None:
    with pytest.raises(DriverUnavailable, match=r"there is no thermometer MLX90614: no answer"):
        await Mlx90614(Mlx90614Options()).open()


async def test_absent_bus_is_one_clear_sentence(i2c: "FakeI2c") -> None:
    with pytest.raises(DriverUnavailable, match=r"^there is no I²C bus 7$"):
        await Mlx90614(Mlx90614Options(bus=7)).open()


async def test_forbidden_bus_is_one_clear_sentence(i2c: "FakeI2c") -> None:
    i2c.is_forbidden = True

    with pytest.raises(DriverUnavailable, match=r"^no permission to use I²C bus 1$"):
        await Mlx90614(Mlx90614Options()).open()


async def test_absent_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)

    with pytest.raises(DriverUnavailable, match="edge-i2c"):
        await Mlx90614(Mlx90614Options()).open()


async def test_closed_sensor_is_an_error(chip: FakeMlx90614, frame: Frame) -> None:
    thermometer = Mlx90614(Mlx90614Options())
    await thermometer.open()
    await thermometer.close()
    await thermometer.close()

    with pytest.raises(DriverError, match="is not open"):
        await thermometer.read(frame)
