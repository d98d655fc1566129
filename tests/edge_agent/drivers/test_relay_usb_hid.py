"""The USB relay boards, report by report."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from edge_agent.drivers.relay_usb_hid import UsbHidRelay, UsbHidRelayOptions
from tests.support.drivers.fake_hidraw import Board, Computer
from tests.support.waiting import wait_until_async


@pytest.fixture
def computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Computer:
    return Computer(tmp_path, monkeypatch)


def relay_of(computer: Computer, *, serial: str = "", channel: int = 1) -> UsbHidRelay:
    return UsbHidRelay(
        serial=serial, channel=channel, sysfs=computer.sysfs, devices=computer.devices
    )


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def released(board: Board) -> None:
    await wait_until_async(lambda: not board.states)


async def test_relay_follows_the_pulse_and_leaves_its_neighbour(computer: Computer) -> None:
    board = Board()
    board.states = 0b01
    computer.plug_in("hidraw0", board)
    relay = relay_of(computer, channel=2)
    await relay.open()

    await relay.pulse(50)
    is_energised = board.states
    await wait_until_async(lambda: board.states == 0b01)
    await relay.close()

    assert is_energised == 0b11
    assert board.history == [0b01, 0b11, 0b01, 0b01]


async def test_opening_releases_what_was_left_energised(computer: Computer) -> None:
    board = Board()
    board.states = 0b01
    computer.plug_in("hidraw0", board)
    relay = relay_of(computer)

    await relay.open()

    assert board.states == 0
    await relay.close()


async def test_closing_releases_at_once_and_lets_go(computer: Computer) -> None:
    board = Board()
    computer.plug_in("hidraw0", board)
    before = handles()
    relay = relay_of(computer)
    await relay.open()
    await relay.pulse(30_000)

    await relay.close()
    await relay.close()

    assert board.states == 0
    assert handles() == before


async def test_board_is_chosen_by_its_serial_number(computer: Computer) -> None:
    first, second = Board("AAAAA"), Board("BBBBB")
    computer.plug_in("hidraw0", first)
    computer.plug_in("hidraw1", second)
    relay = relay_of(computer, serial="BBBBB")
    await relay.open()

    await relay.pulse(1000)

    assert (first.states, second.states) == (0, 1)
    await relay.close()


async def test_several_boards_are_listed(computer: Computer) -> None:
    before = handles()
    computer.plug_in("hidraw0", Board("BBBBB"))
    computer.plug_in("hidraw1", Board("AAAAA"))

    with pytest.raises(DriverUnavailable, match=r"^relay\.serial must say .*: AAAAA, BBBBB$"):
        await relay_of(computer).open()
    assert handles() == before


@pytest.mark.parametrize(("serial", "reported"), [("", ""), ("XXXXX", " with serial number XXXXX")])
async def test_absent_board_is_one_clear_sentence(
    computer: Computer, serial: str, reported: str
) -> None:
    computer.plug_in("hidraw0", None, hid_id="0003:0000046D:0000C31C", hid_name="Keyboard")
    # The same numbers are free for anybody's experiments.
    computer.plug_in("hidraw1", None, hid_name="obdev.at Something")

    with pytest.raises(DriverUnavailable, match=f"^there is no USB relay board{reported}$"):
        await relay_of(computer, serial=serial).open()


async def test_board_that_may_not_be_used_is_one_clear_sentence(
    computer: Computer, monkeypatch: pytest.MonkeyPatch
) -> None:
    computer.plug_in("hidraw0", Board())
    really_open = os.open

    def refuse(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith("dev/hidraw0"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return really_open(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", refuse)

    with pytest.raises(DriverUnavailable, match=r"^no permission to use .*hidraw0$"):
        await relay_of(computer).open()


async def test_a_device_without_a_serial_number_is_no_board(computer: Computer) -> None:
    board = Board()
    board.is_mute = True
    before = handles()
    computer.plug_in("hidraw0", board)

    with pytest.raises(DriverUnavailable, match="reports no serial number"):
        await relay_of(computer).open()
    assert handles() == before


async def test_a_relay_that_does_not_move_is_an_error(computer: Computer) -> None:
    board = Board()
    computer.plug_in("hidraw0", board)
    relay = relay_of(computer)
    await relay.open()
    board.is_stuck = True

    with pytest.raises(DriverError, match="relay 1 of the USB board did not move"):
        await relay.pulse(1000)
    board.is_stuck = False
    await relay.close()


async def test_a_board_that_was_pulled_out_is_found_where_it_is_put_in(
    computer: Computer,
) -> None:
    computer.plug_in("hidraw0", Board())
    relay = relay_of(computer)
    await relay.open()
    computer.pull_out("hidraw0")
    with pytest.raises(DriverError, match="there is no USB relay board"):
        await relay.pulse(1000)

    board = Board()
    computer.plug_in("hidraw3", board)
    await relay.pulse(50)

    assert board.history[-1] == 1
    await released(board)
    await relay.close()


def test_options_build_the_relay() -> None:
    assert isinstance(UsbHidRelayOptions(serial="BITFT", channel=8).make(), UsbHidRelay)
