"""Commands of the same computer ask the running agent, by its own interface."""

import asyncio
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from edge_agent.api.server import ApiServer
from edge_agent.config import parse_config
from edge_agent.drivers.clock import SystemClock
from edge_agent.service.enrolment import EnrolmentRequest, enrol_by_agent
from edge_agent.service.exceptions import AgentUnreachable, EnrolmentRefused
from edge_agent.service.live_state import LiveFile, LiveState
from edge_agent.service.own_api import _own_host, call_own
from edge_agent.storage.people_rows import SavePerson
from tests.support.edge.fakes import ManualClock, person_jpeg
from tests.support.edge.running_terminal import RunningTerminal, Starter
from tests.support.processes import free_port

ANN = EnrolmentRequest("u7", "Ann")


async def told_where(terminal: RunningTerminal) -> None:
    """Write down where it listens, as the watchdog does."""
    host, port, push_port = terminal.parts.interfaces.api.listening()
    live = LiveFile(terminal.config.data_dir)
    await live.open()
    live.keep(LiveState(1, "1", "2026-01-02T03:04:05+00:00", host, port, push_port))
    await live.written()


async def refusal(terminal: RunningTerminal, **changed: Any) -> str:
    await told_where(terminal)
    with pytest.raises(EnrolmentRefused) as caught:
        await enrol_by_agent(
            terminal.config, ANN, changed.get("photo", person_jpeg(100)), clock=SystemClock()
        )
    return str(caught.value)


async def test_running_agent_enrols_and_recognises_at_once(terminal: RunningTerminal) -> None:
    await told_where(terminal)

    await enrol_by_agent(terminal.config, ANN, person_jpeg(100), clock=SystemClock())

    user = await terminal.parts.interfaces.terminal.people.find("u7")
    assert user is not None
    assert (user["name"], user["userType"]) == ("Ann", 1)
    await terminal.somebody_comes(100)
    record = (await terminal.call("recordList", size=1))["data"]["data"][0]
    assert record["userId"] == "u7"


async def test_timestamp_that_another_caller_used_is_replaced(terminal: RunningTerminal) -> None:
    """Both signed in the same millisecond; nothing was done, so it is asked once more."""
    await told_where(terminal)
    clock = ManualClock()
    terminal.clock.move((clock.now() - SystemClock().now()).total_seconds())
    own_ms = int(clock.now().timestamp() * 1000)
    await terminal.call("information", at_ms=own_ms)

    class Ticking(ManualClock):
        def now(self) -> datetime:
            reported = super().now()
            self.advance(0.001)
            return reported

    answer = await call_own(terminal.config, "jsonCmd", clock=Ticking(), content={"cmd": "sync"})

    assert answer.is_ok


async def test_call_goes_by_the_agents_clock_however_it_was_moved(
    terminal: RunningTerminal,
) -> None:
    await told_where(terminal)
    ahead_ms = terminal.now_ms() + 86_400_000
    assert await terminal.parts.interfaces.terminal.time.set_to(ahead_ms)

    await enrol_by_agent(terminal.config, ANN, person_jpeg(100), clock=SystemClock())

    assert await terminal.parts.interfaces.terminal.people.find("u7") is not None


async def test_platforms_person_is_not_taken(terminal: RunningTerminal) -> None:
    changes = [SavePerson("u7", "Bob", "user", "")]
    await terminal.parts.upstream.sync._store.apply(changes, at=ManualClock().now())

    assert "the platform has a person with this id" in await refusal(terminal)


async def test_photo_without_a_face_is_said(terminal: RunningTerminal) -> None:
    reported = await refusal(terminal, photo=person_jpeg(0))

    assert reported == "No face was found. Use a photo that shows the whole face from the front."


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ({"allow_from": ["10.0.0.0/8"]}, "takes no calls from here; add it to allow_from"),
        ({"password": ""}, "has no password"),
        ({"password_expires": "2020-01-01"}, "has expired"),
        ({"unsupported": ["userAdd"]}, "refuses userAdd"),
    ],
)
async def test_what_keeps_the_agent_from_it_is_said(
    start: Starter, api: dict[str, Any], words: str
) -> None:
    assert words in await refusal(await start(**api))


async def test_agent_with_another_password_is_said(
    terminal: RunningTerminal, tmp_path: Path
) -> None:
    await told_where(terminal)
    table = {"device_id": "1", "base_url": "http://h/t/abc", "api": {"password": "changed-since"}}
    config = parse_config(table, base=tmp_path)

    with pytest.raises(EnrolmentRefused, match="started with another password"):
        await enrol_by_agent(config, ANN, person_jpeg(100), clock=SystemClock())


@pytest.mark.parametrize(
    ("api", "words"),
    [
        ({"enabled": False}, "switched off"),
        ({"port": 0}, "does not listen yet"),
        ({}, r"does not answer \(ConnectError\)"),
    ],
)
async def test_agent_that_cannot_be_called_is_said(
    terminal: RunningTerminal, tmp_path: Path, api: dict[str, Any], words: str
) -> None:
    table = {
        "device_id": "1",
        "base_url": "http://h/t/abc",
        "api": {"port": free_port(), **api},
    }

    with pytest.raises(AgentUnreachable, match=words):
        await call_own(parse_config(table, base=tmp_path), "information", clock=SystemClock())


async def test_database_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    table = {"device_id": "1", "base_url": "http://h/t/abc", "api": {"port": free_port()}}
    config = parse_config(table, base=tmp_path)

    with pytest.raises(AgentUnreachable, match="database cannot be read"):
        await call_own(config, "information", clock=SystemClock())


def test_server_is_reached_from_here_wherever_it_listens() -> None:
    given = ("0.0.0.0", "::", "127.0.0.1", "::1", "192.168.1.5", "localhost")

    assert [_own_host(one) for one in given] == [
        "127.0.0.1", "[::1]", "127.0.0.1", "[::1]", "192.168.1.5", "localhost"
    ]  # fmt: skip


async def test_server_that_has_ended_says_no_port(terminal: RunningTerminal) -> None:
    server: ApiServer = terminal.parts.interfaces.api
    assert server.listening()[1] > 0

    assert terminal._api is not None
    terminal._api.cancel()
    await asyncio.wait([terminal._api])

    assert server.listening() == ("127.0.0.1", 0, 0)
