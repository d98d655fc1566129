"""Card readers that type: the octets are those of Linux' input devices, through a real pipe."""

import asyncio
import errno
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.card_reader_wedge import WedgeReader, WedgeReaderOptions
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from tests.support.drivers.fake_input import EV_KEY, KEY, KEYPAD, Cable, event, tap, typed

EVIOCGRAB = 0x40044590  # <linux/input.h>: _IOW('E', 0x90, int)


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    made = Cable(tmp_path / "event7")
    yield made
    made.pull_out()


@pytest.fixture
async def reader(cable: Cable) -> AsyncIterator[WedgeReader]:
    """Return an open reader at the cable; a pipe cannot be grabbed."""
    made = WedgeReader(WedgeReaderOptions(device=str(cable.path), grab=False, pause_s=0.2))
    await made.open()
    cable.plug_in()
    yield made
    await made.close()


async def card(reader: WedgeReader) -> str | None:
    async with asyncio.timeout(5):
        return await reader.next_card()


@pytest.mark.parametrize("number", ["0004711234", "DEADbeef01".lower(), "ABC-12", "7"])
async def test_number_is_what_was_typed(reader: WedgeReader, cable: Cable, number: str) -> None:
    cable.send(typed(f"{number}\n"))

    assert await card(reader) == number


async def test_keypad_counts_as_well(reader: WedgeReader, cable: Cable) -> None:
    cable.send(b"".join(tap(KEYPAD[key]) for key in "707\n"))

    assert await card(reader) == "707"


async def test_cards_come_one_after_the_other(reader: WedgeReader, cable: Cable) -> None:
    cable.send(typed("123\n456\n\n789\n"))

    assert [await card(reader) for _ in range(3)] == ["123", "456", "789"]


async def test_a_key_that_is_held_is_one_key(reader: WedgeReader, cable: Cable) -> None:
    held = event(EV_KEY, KEY["5"], 1) + event(EV_KEY, KEY["5"], 2) * 20
    cable.send(held + event(EV_KEY, KEY["5"], 0) + typed("1\n"))

    assert await card(reader) == "51"


@pytest.mark.parametrize(("pause_s", "number"), [(0.25, "123"), (0.15, "99123"), (-60, "123")])
async def test_a_number_that_was_not_finished_is_forgotten(
    reader: WedgeReader, cable: Cable, pause_s: float, number: str
) -> None:
    """By when it was typed, not by when it is read; and the clock may be set meanwhile."""
    cable.send(typed("99", at_s=1_700_000_000.9))

    cable.send(typed("123\n", at_s=1_700_000_000.9 + pause_s))

    assert await card(reader) == number


async def test_what_is_longer_than_a_number_is_none(reader: WedgeReader, cable: Cable) -> None:
    cable.send(typed("1" * 41 + "\n" + "2" * 40 + "\n"))

    assert await card(reader) == "2" * 40


async def test_numbers_that_nobody_takes_do_not_pile_up(reader: WedgeReader, cable: Cable) -> None:
    for number in range(20):
        cable.send(typed(f"{number}\n"))
        await asyncio.sleep(0)
    cable.send(typed("99\n"))
    await asyncio.sleep(0.05)

    found = [await card(reader)]
    while found[-1] != "99":
        found.append(await card(reader))

    assert len(found) <= 8


async def test_waiting_can_be_broken_off(reader: WedgeReader, cable: Cable) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await reader.next_card()
    cable.send(typed("5\n"))

    assert await card(reader) == "5"


async def test_a_reader_that_is_pulled_out_is_an_error_and_can_be_opened_again(
    reader: WedgeReader, cable: Cable
) -> None:
    cable.pull_out()
    with pytest.raises(DriverError, match="is gone"):
        await card(reader)
    await reader.close()
    await reader.open()
    cable.plug_in()

    cable.send(typed("8\n"))

    assert await card(reader) == "8"


async def test_absent_reader_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "nothing"

    with pytest.raises(DriverUnavailable, match=f"^there is no card reader {path}$"):
        await WedgeReader(WedgeReaderOptions(device=str(path))).open()


async def test_what_cannot_be_taken_alone_is_one_clear_sentence(cable: Cable) -> None:
    with pytest.raises(DriverUnavailable, match=r"cannot be taken: Inappropriate ioctl"):
        await WedgeReader(WedgeReaderOptions(device=str(cable.path))).open()


async def test_reader_is_taken_for_this_program_alone(
    cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel gives an input device to one who grabs it; closing lets it go."""
    taken: list[int] = []

    def ioctl(handle: int, request: int, value: int) -> int:
        assert (request, value) == (EVIOCGRAB, 1)
        if taken:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        taken.append(handle)
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    first, second = (WedgeReader(WedgeReaderOptions(device=str(cable.path))) for _ in range(2))
    await first.open()

    with pytest.raises(DriverUnavailable, match="cannot be taken: Device or resource busy"):
        await second.open()
    await first.close()


@given(
    number=st.text(alphabet="1234567890abcdefABCDEF", min_size=1, max_size=40),
    at_once=st.integers(1, 30),
)
@settings(max_examples=40, deadline=None)
def test_every_number_arrives_whole_however_it_is_cut(number: str, at_once: int) -> None:
    """The kernel hands out whole events, some at once."""
    octets = typed(f"{number}\n")
    step = len(event(0, 0, 0)) * at_once

    async def run() -> str | None:
        left, right = os.pipe()
        reader = WedgeReader(WedgeReaderOptions(device=f"/dev/fd/{left}", grab=False))
        await reader.open()
        try:
            for begin in range(0, len(octets), step):
                os.write(right, octets[begin : begin + step])
                await asyncio.sleep(0)
            return await card(reader)
        finally:
            await reader.close()
            os.close(left)
            os.close(right)

    assert asyncio.run(run()) == number
