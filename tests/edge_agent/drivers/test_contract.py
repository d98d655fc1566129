"""What `edge_agent.drivers.base` promises holds for every driver of this package."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_agent.config.driver_registry import OWN, driver_options
from edge_agent.drivers.base import Cue, Frame, HeatReading, Prompt
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from tests.support.drivers.equipment import ABSENT, NEED_NOTHING, PRESENT, Present
from tests.support.waiting import wait_until_async

EVERY = [
    pytest.param(section, present, id=f"{section}-{driver}-{number}")
    for (section, driver), choices in PRESENT.items()
    for number, present in enumerate(choices)
]
RELAYS = [
    pytest.param(present, id=f"{driver}-{number}")
    for (section, driver), choices in PRESENT.items()
    for number, present in enumerate(choices)
    if section == "relay"
]
FRAME = Frame(np.zeros((8, 8, 3), dtype=np.uint8))


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def use(section: str, device: Any) -> None:
    """Do with a device what its interface is for, and check what it gives."""
    async with asyncio.timeout(10):
        match section:
            case "camera":
                frame = await device.next_frame()
                assert frame.image.dtype == np.uint8
                assert frame.image.ndim == 3
                assert frame.image.shape[2] == 3
            case "relay":
                await device.pulse(20)
                for impossible_ms in (0, 19, 30_001, -5):
                    with pytest.raises(ValueError, match="20 to 30000"):
                        await device.pulse(impossible_ms)
            case "thermometer":
                reading = await device.read(FRAME)
                assert reading is None or isinstance(reading, HeatReading)
                if reading is not None:
                    assert reading.surface_c.dtype == np.float32
                    assert reading.surface_c.ndim == 2
                    assert 0 < reading.sigma_c <= 2
            case "card_reader":
                with pytest.raises(TimeoutError):  # nobody holds a card to it
                    async with asyncio.timeout(0.01):
                        await device.next_card()
            case "prompter":
                for cue in Cue:
                    await device.prompt(Prompt(cue, "Ann", 36.6))


def test_every_driver_is_in_these_tables() -> None:
    own = {(section, driver) for section in OWN for driver in OWN[section]}

    assert set(PRESENT) == own
    assert set(ABSENT) | NEED_NOTHING == own
    assert set(ABSENT) & NEED_NOTHING == set()


@pytest.mark.parametrize(("section", "present"), EVERY)
async def test_opened_used_closed_and_again(
    section: str, present: Present, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with present(tmp_path, monkeypatch) as device:
        await device.close()  # before it was opened: nothing
        for _ in range(2):
            await device.open()
            await device.open()
            await use(section, device)
            await device.close()
            await device.close()


@pytest.mark.parametrize(("section", "present"), EVERY)
async def test_closing_leaves_nothing_open(
    section: str, present: Present, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with present(tmp_path, monkeypatch) as device:
        await device.open()  # libraries open files of their own the first time
        await use(section, device)
        await device.close()
        before, threads = handles(), set(threading.enumerate())
        for _ in range(3):
            await device.open()
            await use(section, device)
            await device.close()

        await wait_until_async(
            lambda: handles() <= before and not set(threading.enumerate()) - threads
        )


@pytest.mark.parametrize("present", RELAYS)
async def test_a_closed_relay_does_not_act(
    present: Present, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with present(tmp_path, monkeypatch) as relay:
        with pytest.raises(DriverError):
            await relay.pulse(100)
        await relay.open()
        await relay.close()
        with pytest.raises(DriverError):
            await relay.pulse(100)


@pytest.mark.parametrize(("section", "driver"), ABSENT)
@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
async def test_what_is_absent_is_one_sentence(
    section: str, driver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ABSENT[section, driver](tmp_path, monkeypatch)
    device = driver_options(section, driver)(**options).make()
    before = handles()

    for _ in range(2):
        with pytest.raises(DriverUnavailable) as caught:
            await device.open()
        reported = str(caught.value)
        assert "\n" not in reported
        assert 10 < len(reported) < 200
        assert not reported.endswith(".")  # the command line prints it after its name
        assert "Errno" not in reported
        await device.close()

    assert handles() <= before
