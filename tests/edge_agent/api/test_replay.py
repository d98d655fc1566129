"""A call that was recorded does nothing again: by its signature, over real sockets and across
restarts, repairs and clocks that move.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.__main__ import main
from edge_agent.api.accepted_calls import SignatureUse
from edge_agent.storage import call_marks
from edge_agent.storage.call_marks import read_marks
from terminal_protocol.device_calls import CALLS, OLDER_DESC, SIGN_USED_DESC, signed_query
from tests.support.edge.damages import DAMAGES, damage
from tests.support.edge.running_terminal import PERSON, RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform

DAY_MS = 86_400_000
HOUR_MS = 3_600_000

AUDIO = {
    **{"aencEnable": 1, "aencType": 6, "sampleRate": 16000, "aencbitrate": 32},
    **{"micLine": 0, "volumeIn": 3, "volumeOut": 3},
}

Again = Callable[..., RunningTerminal]


@pytest.fixture
def again(tmp_path: Path, platform: FakePlatform) -> Again:
    """Return what makes the same terminal anew, on the same files: keys of ``[api]``."""

    def make(**api: Any) -> RunningTerminal:
        return RunningTerminal(tmp_path, platform.base_url, {}, api)

    return make


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return the path of the terminal's file."""
    return tmp_path / "agent-data" / "agent.sqlite3"


async def test_recorded_open_opens_once(terminal: RunningTerminal) -> None:
    stamp = terminal.stamp()

    first = await terminal.call("open", at_ms=stamp)
    second = await terminal.call("open", at_ms=stamp, remark="another one")

    assert first["code"] == 200
    assert (second["code"], second["desc"]) == (10005, SIGN_USED_DESC)
    assert terminal.relay.pulses_ms == [3000]


async def test_recorded_open_and_recorded_sync_time_open_nothing_years_later(again: Again) -> None:
    """As it was found: the syncTime turned the clock back to where the open was good."""
    async with again() as terminal:
        stamp = terminal.stamp()
        await terminal.call("open", at_ms=stamp)
        await terminal.call("syncTime", at_ms=stamp + 1)
    async with again() as terminal:
        terminal.clock.move(3 * 365 * 86_400)

        codes = [
            await terminal.code(name, at_ms=at_ms)
            for name in ("syncTime", "open")
            for at_ms in (stamp, stamp + 1)
        ]

        assert codes == [10003, 10003, 10003, 10003]
        assert terminal.relay.pulses_ms == []


async def test_signature_is_used_up_across_restarts(again: Again) -> None:
    async with again() as terminal:
        stamp = terminal.stamp()
        assert await terminal.code("open", at_ms=stamp) == 200
    async with again() as terminal:
        assert await terminal.code("open", at_ms=stamp) == 10005
        assert await terminal.code("open") == 200
        assert len(terminal.relay.pulses_ms) == 1


ACTING: dict[str, tuple[Any, dict[str, Any]]] = {
    "open": (None, {}),
    "reboot": (None, {}),
    "jsonCmd": ({"cmd": "sync"}, {}),
    "networkcfg": ({"dhcpEnable": 1}, {}),
    "smartfacecfg": ({"faceThre": 5}, {}),
    "perparacfg": ({"unlockOuttime": 5}, {}),
    "userAdd": (PERSON, {}),
    "userUpdate": (PERSON, {"user_id": "u1"}),
    "userDelete": (None, {"user_id": "u1"}),
}


def test_every_call_that_changes_something_is_among_them() -> None:
    assert {name for name, call in CALLS.items() if call.is_change} == {*ACTING, "syncTime"}


@pytest.mark.parametrize("second", ACTING)
@pytest.mark.parametrize("first", [*ACTING, "information"])
async def test_one_signature_is_good_for_one_call_that_acts(
    terminal: RunningTerminal, first: str, second: str
) -> None:
    """Whatever it was put before first, a reading call included: anybody may have heard it."""
    stamp = terminal.stamp()
    body, rest = ACTING.get(first, (None, {}))
    await terminal.call(first, body, at_ms=stamp, **rest)
    terminal.parts.process.restart.clear()

    body, rest = ACTING[second]
    answer = await terminal.call(second, body, at_ms=stamp, **rest)

    assert (answer["code"], answer["desc"]) == (10005, SIGN_USED_DESC)
    assert len(terminal.relay.pulses_ms) == (first == "open")
    assert not terminal.parts.process.restart.is_set()


@pytest.mark.parametrize("call", ["information", "userList", "recordList", "perpara"])
async def test_reading_calls_may_repeat(terminal: RunningTerminal, call: str) -> None:
    stamp = terminal.stamp()
    await terminal.call("open", at_ms=stamp)

    codes = {await terminal.code(call, at_ms=stamp) for _ in range(3)}

    assert codes <= {200, 50008}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ({"cmd": "status"}, 200),
        ({"cmd": "openings"}, 200),
        ({"cmd": "get", "object": "AudioObject"}, 200),
        ([{"cmd": "status"}, {"cmd": "openings"}], 200),
        ([{"cmd": "status"}, {"cmd": "sync"}], 10005),
        ({"cmd": "resetTime"}, 10005),
        ({"cmd": "set", "object": "AudioObject", "data": AUDIO}, 10005),
    ],
)
async def test_json_command_repeats_when_it_only_reads(
    terminal: RunningTerminal, command: Any, code: int
) -> None:
    stamp = terminal.stamp()
    assert await terminal.code("jsonCmd", command, at_ms=stamp) == 200

    assert await terminal.code("jsonCmd", command, at_ms=stamp) == code


async def test_capitals_make_no_new_signature(start: Starter) -> None:
    terminal = await start(upper_case_signatures=True)
    query = terminal.query()
    shouted = {**query, "sign": query["sign"].upper(), "timestamp": f" {query['timestamp']} "}

    codes = [
        (await terminal.request("POST", "/api/device/open", params=one)).json()["code"]
        for one in (query, shouted, query)
    ]

    assert codes == [200, 10005, 10005]
    assert len(terminal.relay.pulses_ms) == 1


async def test_signature_of_a_listener_opens_nothing(terminal: RunningTerminal) -> None:
    """Listening is a reading call: it may repeat, and its signature is used up."""
    query = terminal.query()
    for _ in range(2):
        async with terminal.listening(query) as greeting:
            assert greeting["code"] == 20000

    response = await terminal.request("POST", "/api/device/open", params=query)

    assert response.json()["code"] == 10005
    assert terminal.relay.pulses_ms == []


@pytest.mark.parametrize("call", ["information", "open", "recordList"])
async def test_sync_time_is_newer_than_any_call(again: Again, call: str) -> None:
    async with again() as terminal:
        stamp = terminal.stamp() + 60_000
        await terminal.call(call, at_ms=stamp)
    async with again() as terminal:
        for at_ms in (stamp - 1, stamp):
            answer = await terminal.call("syncTime", at_ms=at_ms)
            assert answer["code"] == 10003
            assert answer["desc"] == f"{OLDER_DESC} a call that was accepted before"
        assert terminal.clock.offset_s == 0
        assert await terminal.code("syncTime", at_ms=stamp + 1) == 200


async def test_sync_time_does_not_open_afterwards(terminal: RunningTerminal) -> None:
    stamp = terminal.stamp()
    assert await terminal.code("syncTime", at_ms=stamp) == 200

    assert await terminal.code("open", at_ms=stamp) == 10005
    assert terminal.relay.pulses_ms == []


async def test_call_that_was_refused_uses_nothing_up(terminal: RunningTerminal) -> None:
    """Otherwise anybody could keep a later time out by a call that is refused."""
    late_ms = terminal.now_ms() + 2 * HOUR_MS
    assert await terminal.code("open", at_ms=late_ms) == 10003
    stranger = signed_query("654321", timestamp_ms=terminal.now_ms())
    response = await terminal.request("POST", "/api/device/open", params=stranger)
    assert response.json()["code"] == 10005

    assert await terminal.code("open", at_ms=int(stranger["timestamp"])) == 200
    assert await terminal.code("syncTime", at_ms=late_ms) == 200


async def test_what_was_held_back_is_not_good_again_by_turning_the_clock_back(
    terminal: RunningTerminal,
) -> None:
    """Two calls were kept from the terminal at noon; by the first of them as a syncTime, the second
    would open the door in the evening.
    """
    assert await terminal.code("information") == 200
    first = terminal.stamp()
    second = first + 1000
    terminal.clock.pass_by(6 * 3600)

    answer = await terminal.call("syncTime", at_ms=first)

    assert answer["code"] == 10003
    assert answer["desc"].startswith(OLDER_DESC)
    assert await terminal.code("open", at_ms=second) == 10003
    assert terminal.relay.pulses_ms == []
    assert await terminal.code("syncTime") == 200


async def test_allow_takes_acts_again_but_no_older_time(start: Starter) -> None:
    terminal = await start(replay="allow")
    stamp = terminal.stamp()

    assert [await terminal.code("open", at_ms=stamp) for _ in range(3)] == [200, 200, 200]

    assert await terminal.code("syncTime", at_ms=stamp) == 10003
    assert await terminal.code("open", at_ms=stamp - 301_000) == 10003
    assert len(terminal.relay.pulses_ms) == 3


async def test_what_was_taken_while_allowed_is_used_up_afterwards(again: Again) -> None:
    async with again(replay="allow") as terminal:
        stamp = terminal.stamp()
        await terminal.call("open", at_ms=stamp)
    async with again() as terminal:
        assert await terminal.code("open", at_ms=stamp) == 10005


async def test_new_password_starts_the_marks_anew(again: Again) -> None:
    async with again() as terminal:
        ahead_ms = terminal.stamp() + 200_000
        assert await terminal.code("information", at_ms=ahead_ms) == 200
        assert await terminal.code("syncTime") == 10003
    async with again(password="another-one") as terminal:
        query = terminal.query(password="another-one")
        response = await terminal.request("POST", "/api/device/syncTime", params=query)
        assert response.json()["code"] == 200
    async with again(password="another-one") as terminal:
        response = await terminal.request("POST", "/api/device/syncTime", params=query)
        assert response.json()["code"] == 10003


async def open_under(again: Again, password: str, at_ms: int) -> int:
    """Open with a timestamp under a password; returns the code."""
    async with again(password=password) as terminal:
        query = signed_query(password, timestamp_ms=at_ms)
        response = await terminal.request("POST", "/api/device/open", params=query)
        return int(response.json()["code"])


async def test_what_was_recorded_stays_used_up_when_its_password_comes_back(again: Again) -> None:
    async with again(password="first") as terminal:
        recorded = terminal.query(password="first")
        setting = terminal.query(password="first")
        for call, query in (("open", recorded), ("syncTime", setting)):
            response = await terminal.request("POST", f"/api/device/{call}", params=query)
            assert response.json()["code"] == 200
    assert await open_under(again, "second", int(setting["timestamp"]) + 1) == 200

    async with again(password="first") as terminal:
        codes = [
            (await terminal.request("POST", f"/api/device/{call}", params=query)).json()["code"]
            for query in (recorded, setting)
            for call in ("syncTime", "open")
        ]
        opened = len(terminal.relay.pulses_ms)
        latest = terminal.query(password="first")
        response = await terminal.request("POST", "/api/device/open", params=latest)

    assert codes == [10003] * 4
    assert opened == 0
    assert response.json()["code"] == 200


async def test_a_password_that_never_was_in_use_waits_for_no_clock(again: Again) -> None:
    """Each of them is good at once, whatever a caller's clock said under the others."""
    async with again(password="first") as terminal:
        now_ms = terminal.now_ms()
    assert await open_under(again, "first", now_ms + 250_000) == 200
    for number in range(3):
        assert await open_under(again, f"new-{number}", now_ms - number) == 200

    codes = {name: await open_under(again, name, now_ms) for name in ("first", "new-1", "new-3")}

    assert codes == {"first": 10003, "new-1": 200, "new-3": 200}


async def test_former_passwords_are_bounded_and_none_comes_back_with_its_calls(
    again: Again, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_marks, "FORMER_MOST", 2)
    async with again(password="first") as terminal:
        now_ms = terminal.now_ms()
    assert await open_under(again, "first", now_ms) == 200
    for number in range(4):
        assert await open_under(again, f"new-{number}", now_ms + 1 + number) == 200

    assert await open_under(again, "first", now_ms) == 10003
    assert await open_under(again, "new-0", now_ms + 1) == 10003
    with sqlite3.connect(database) as held:
        (number,) = held.execute("SELECT count(*) FROM former_passwords").fetchone()
        text = "\n".join(held.iterdump())
    assert number == 2
    assert "first" not in text
    assert "new-" not in text


@pytest.mark.parametrize("kind", ["deleted", "zeroed"])
async def test_a_password_comes_back_without_its_calls_after_a_loss(
    again: Again, database: Path, kind: str
) -> None:
    async with again(password="first") as terminal:
        now_ms = terminal.now_ms()
    assert await open_under(again, "first", now_ms) == 200
    assert await open_under(again, "second", now_ms + 1) == 200
    spoil(database, kind, 0)
    assert await open_under(again, "second", now_ms + 1) == 10003

    assert await open_under(again, "first", now_ms) == 10003


async def test_forget_calls_forgets_former_passwords(
    again: Again, tmp_path: Path, platform: FakePlatform
) -> None:
    async with again(password="first") as terminal:
        now_ms = terminal.now_ms()
    assert await open_under(again, "first", now_ms + 250_000) == 200
    assert await open_under(again, "second", now_ms) == 200
    path = tmp_path / "agent.toml"
    path.write_text(f'device_id = "0000001"\nbase_url = "{platform.base_url}"\n')

    assert await forget(path) == 0

    assert await open_under(again, "first", now_ms) == 10003
    async with again(password="first") as terminal:
        now_ms = terminal.now_ms()
    assert await open_under(again, "first", now_ms) == 200


async def test_forget_calls_lets_the_right_time_in_and_nothing_older(
    again: Again, tmp_path: Path, platform: FakePlatform, capsys: pytest.CaptureFixture[str]
) -> None:
    async with again() as terminal:
        ahead_ms = terminal.stamp() + 200_000
        await terminal.call("information", at_ms=ahead_ms)
        assert await terminal.code("syncTime") == 10003
        recorded_ms = terminal.stamp()
        await terminal.call("open", at_ms=recorded_ms)
    path = tmp_path / "agent.toml"
    path.write_text(f'device_id = "0000001"\nbase_url = "{platform.base_url}"\n')

    assert await forget(path) == 0

    assert "calls signed after" in capsys.readouterr().out
    async with again() as terminal:
        assert await terminal.code("open", at_ms=recorded_ms) == 10003
        assert await terminal.code("syncTime", at_ms=recorded_ms) == 10003
        assert await terminal.code("syncTime") == 200
        assert await terminal.code("open") == 200
        assert len(terminal.relay.pulses_ms) == 1


async def forget(path: Path) -> int:
    return await asyncio.to_thread(main, ["forget-calls", "--config", str(path)])


def spoil(database: Path, kind: str, seed: int) -> None:
    if kind in DAMAGES:
        damage(database, kind, seed)
    elif kind == "zeroed":
        database.write_bytes(bytes(database.stat().st_size))
    else:
        database.unlink()


@pytest.mark.parametrize("kind", [*DAMAGES, "zeroed", "deleted"])
@pytest.mark.parametrize("seed", range(4))
async def test_marks_survive_a_repair(again: Again, database: Path, kind: str, seed: int) -> None:
    stamps = []
    async with again() as terminal:
        for _ in range(40):
            stamps.append(terminal.stamp())
            assert await terminal.code("open", at_ms=stamps[-1]) == 200
        await terminal.parts.database.checkpoint()
    spoil(database, kind, seed)

    async with again() as terminal:
        for stamp in stamps:
            assert await terminal.code("open", at_ms=stamp) in {10003, 10005}
            assert await terminal.code("syncTime", at_ms=stamp) == 10003
        assert terminal.relay.pulses_ms == []
        # The file beside it holds the end of the newest one's minute.
        assert await terminal.code("syncTime", at_ms=stamps[-1] + 61_000) == 200
        assert await terminal.code("open", at_ms=stamps[-1] + 62_000) == 200


async def test_marks_survive_a_repair_while_it_runs(again: Again, database: Path) -> None:
    async with again() as terminal:
        stamps = [terminal.stamp() for _ in range(20)]
        for stamp in stamps:
            await terminal.call("open", at_ms=stamp)
        await terminal.parts.database.checkpoint()
        spoil(database, "deleted", 0)
        assert await terminal.code("open", at_ms=stamps[-1]) == 10005
        await terminal.parts.database.run(lambda held: held.execute("DELETE FROM facts").rowcount)
        await terminal.parts.database.run(
            lambda held: held.execute("DELETE FROM accepted_calls").rowcount
        )

        codes = {await terminal.code("open", at_ms=stamp) for stamp in stamps}

        assert codes == {10003}
        assert len(terminal.relay.pulses_ms) == len(stamps)


async def test_what_is_remembered_is_bounded(terminal: RunningTerminal) -> None:
    """The oldest ones give way; what was signed before them is refused from then on."""
    calls = terminal.parts.interfaces.terminal.calls
    calls.remembered_most = 100
    begin = terminal.now_ms() - 60_000
    for number in range(1300):
        await calls.accept(begin + number, SignatureUse.ACTS)

    assert await terminal.count("accepted_calls") <= 1100
    codes = {
        await terminal.code("open", at_ms=begin + number) for number in (0, 50, 1100, 1250, 1299)
    }
    assert codes == {10003, 10005}
    assert await terminal.code("open", at_ms=begin - 1) == 10003
    assert terminal.relay.pulses_ms == []
    marks = await terminal.parts.database.run(read_marks)
    assert begin < marks.floor_ms < marks.newest_ms == begin + 1299
