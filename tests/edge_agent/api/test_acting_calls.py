"""8.1.7 to 8.1.9: the door opens, the clock moves, the terminal starts anew."""

import socket
import struct
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.support.edge.running_terminal import RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform

DAY_MS = 86_400_000


async def test_open_pulses_the_relay(terminal: RunningTerminal) -> None:
    assert await terminal.call("open", remark="parcel") == {
        **{"code": 200, "message": "OK", "desc": ""}
    }

    assert terminal.relay.pulses_ms == [3000]
    assert terminal.relay.is_energised


@pytest.mark.parametrize("is_abrupt", [False, True])
async def test_open_whose_caller_has_gone_moves_nothing(
    terminal: RunningTerminal, *, is_abrupt: bool
) -> None:
    """A terminal that hung for a while finds calls whose callers gave up long ago; opening then
    would open for whoever stands there now.
    """
    host, port = terminal.url.removeprefix("http://").split(":")
    address = "/api/device/open?" + urlencode(terminal.query(remark="parcel"))
    # All of it within one step of the loop: the terminal sees nothing until the caller has gone.
    with socket.create_connection((host, int(port))) as caller:
        caller.sendall(f"POST {address} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".encode())
        if is_abrupt:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    await terminal.reported("remote_open_dropped")

    assert terminal.relay.pulses_ms == []
    assert terminal.named("remote_open") == []


async def test_open_holds_as_long_as_was_set(terminal: RunningTerminal) -> None:
    peri = (await terminal.call("perpara"))["data"]
    await terminal.call("perparacfg", {**peri, "unlockOuttime": 7})

    await terminal.call("open")

    assert terminal.relay.pulses_ms == [7000]


@pytest.mark.parametrize(("length", "code"), [(0, 200), (255, 200), (256, 30001)])
async def test_remark_has_at_most_255_characters(
    terminal: RunningTerminal, length: int, code: int
) -> None:
    assert await terminal.code("open", remark="备" * length) == code
    assert len(terminal.relay.pulses_ms) == (code == 200)


async def test_remark_in_the_form_counts(terminal: RunningTerminal) -> None:
    await terminal.call("open", form={"remark": "by form"})

    listed = (await terminal.call("jsonCmd", {"cmd": "openings"}))["json"]
    assert [one["remark"] for one in listed] == ["by form"]


async def test_openings_are_remembered_with_caller_and_remark(terminal: RunningTerminal) -> None:
    await terminal.call("open", remark="parcel")
    await terminal.call("open")

    listed = (await terminal.call("jsonCmd", {"cmd": "openings"}))["json"]
    assert [(one["caller"], one["remark"]) for one in listed] == [
        *(("127.0.0.1", ""), ("127.0.0.1", "parcel"))
    ]


@pytest.mark.parametrize("shift_ms", [-5 * DAY_MS, -1000, 90_000, 400 * DAY_MS])
async def test_sync_time_sets_the_clock_to_the_timestamp(
    terminal: RunningTerminal, shift_ms: int
) -> None:
    """A clock that is wrong by more than five minutes is the one that has to be set."""
    wanted_ms = terminal.now_ms() + shift_ms

    assert await terminal.code("syncTime", at_ms=wanted_ms) == 200

    assert abs(terminal.now_ms() - wanted_ms) < 2000
    assert abs(terminal.clock.offset_s - shift_ms / 1000) < 2
    assert await terminal.code("information") == 200


async def test_older_sync_time_is_a_replay(terminal: RunningTerminal) -> None:
    """Whoever overheard a call cannot turn the clock back to where its signature was good."""
    overheard_ms = terminal.now_ms()
    await terminal.call("syncTime", at_ms=overheard_ms + 1000)

    for at_ms in (overheard_ms, overheard_ms + 1000):
        answer = await terminal.call("syncTime", at_ms=at_ms)
        assert (answer["code"], answer["desc"]) == (10003, "older than the last syncTime")
    assert await terminal.code("syncTime", at_ms=overheard_ms + 1001) == 200


async def test_sync_time_wants_the_right_signature(terminal: RunningTerminal) -> None:
    query = terminal.query(password="1234567")

    response = await terminal.request("POST", "/api/device/syncTime", params=query)

    assert response.json()["code"] == 10005
    assert terminal.clock.offset_s == 0


async def test_what_was_set_survives_a_restart_and_can_be_taken_back(
    terminal: RunningTerminal,
) -> None:
    await terminal.call("syncTime", at_ms=terminal.now_ms() + DAY_MS)
    terminal.clock.move(0)
    await terminal.parts.interfaces.terminal.time.load()
    assert abs(terminal.clock.offset_s - 86_400) < 2

    await terminal.call("jsonCmd", {"cmd": "resetTime"})

    assert terminal.clock.offset_s == 0
    await terminal.parts.interfaces.terminal.time.load()
    assert terminal.clock.offset_s == 0


async def test_passes_are_stamped_by_the_clock_that_was_set(
    platform: FakePlatform, start: Starter
) -> None:
    terminal = await start(top={"decide": "platform"})
    wanted_ms = terminal.now_ms() + 3 * DAY_MS
    await terminal.call("syncTime", at_ms=wanted_ms)

    await terminal.somebody_comes(200)

    told_at = platform.readings[0].captured_at or datetime.now(UTC)
    assert abs(told_at.timestamp() * 1000 - wanted_ms) < 3000
    (record,) = (await terminal.call("recordList"))["data"]["data"]
    assert abs(record["signTime"] * 1000 - wanted_ms) < 3000


async def test_reboot_answers_first_and_then_restarts(terminal: RunningTerminal) -> None:
    answer: dict[str, Any] = await terminal.call("reboot")

    assert answer == {"code": 200, "message": "OK", "desc": ""}
    assert terminal.parts.process.restart.is_set()


async def test_refused_reboot_restarts_nothing(start: Starter) -> None:
    terminal = await start(unsupported=["reboot"])

    assert await terminal.code("reboot") == 40001
    assert not terminal.parts.process.restart.is_set()
