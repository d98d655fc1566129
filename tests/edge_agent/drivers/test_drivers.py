"""Thermometers without hardware, and the clock."""

from datetime import UTC

import numpy as np

from edge_agent.drivers.base import Frame
from edge_agent.drivers.clock import SystemClock
from edge_agent.drivers.thermometer import NoThermometer, SimulatedThermometer

IMAGE = np.zeros((8, 8, 3), dtype=np.uint8)


async def readings(seed: int, *frames: Frame) -> list[float | None]:
    thermometer = SimulatedThermometer(mean_c=36.5, spread_c=0.2, seed=seed)
    await thermometer.open()
    found = [await thermometer.read(frame) for frame in frames]
    await thermometer.close()
    assert all(one is None or one.is_body for one in found)
    return [None if one is None else round(float(one.surface_c.max()), 2) for one in found]


async def test_simulated_people_are_mostly_well() -> None:
    found = await readings(1, *[Frame(IMAGE)] * 200)

    values = [one for one in found if one is not None]
    assert len(values) == 200
    assert 36.4 <= sum(values) / 200 <= 36.6
    assert all(35.5 <= one <= 37.5 for one in values)


async def test_same_seed_same_readings() -> None:
    frames = [Frame(IMAGE)] * 5

    assert await readings(7, *frames) == await readings(7, *frames)
    assert await readings(7, *frames) != await readings(8, *frames)


async def test_script_sets_one_reading_and_moves_no_other() -> None:
    plain, scripted = Frame(IMAGE), Frame(IMAGE, scripted_temperature_c=38.2)

    first, second, third = await readings(7, plain, scripted, plain)

    assert second == 38.2
    expected = await readings(7, plain, plain, plain)
    assert [first, third] == [expected[0], expected[2]]


async def test_door_without_a_thermometer_reads_nothing() -> None:
    thermometer = NoThermometer()
    await thermometer.open()

    assert await thermometer.read(Frame(IMAGE, scripted_temperature_c=38.2)) is None


def test_clock_is_utc_and_can_be_moved() -> None:
    plain, moved = SystemClock(), SystemClock(offset_s=3600)

    assert plain.now().tzinfo is UTC
    assert 3599 < (moved.now() - plain.now()).total_seconds() < 3601
    assert plain.monotonic() <= plain.monotonic()
