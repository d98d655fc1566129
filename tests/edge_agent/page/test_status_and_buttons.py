"""What the page tells of the terminal, and what its two buttons do."""

import asyncio
import base64
import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import pytest

from edge_agent.drivers.exceptions import DriverError
from edge_agent.page.sessions import Session
from edge_agent.service.supervision import State, Supervisor
from tests.support.edge.fakes import person_jpeg
from tests.support.edge.running_page import RunningPage, Starter
from tests.support.edge.running_terminal import PERSON
from tests.support.fake_platform import FakePlatform


@pytest.fixture
async def signed_in(page: RunningPage) -> RunningPage:
    return await page.sign_in()


async def passes(page: RunningPage) -> list[dict[str, Any]]:
    """The passes as the page shows them, read anew."""
    page.parts.interfaces.page.reader.forget()
    found: list[dict[str, Any]] = (await page.state())["file"]["passes"]
    return found


async def ask_and_confirm(page: RunningPage, reason: str) -> tuple[int, dict[str, Any]]:
    """Open the door as the dialogue does."""
    asked = await page.post("/open", {"reason": reason})
    assert asked.status_code == 200
    answer = await page.post("/open", {"confirm": asked.json()["confirm"]})
    return answer.status_code, answer.json()


async def test_state_says_how_the_terminal_is(signed_in: RunningPage) -> None:
    event_log = signed_in.event_log
    signed_in.parts.process.loops["door"] = Supervisor(
        "door", clock=signed_in.clock, event_log=event_log
    )
    signed_in.clock.move(3.25)

    reported = await signed_in.state()

    assert abs(reported["at"] - signed_in.now_ms()) < 2000
    assert reported["offsetS"] == 3.25
    assert reported["loops"] == {"door": "starting"}
    assert reported["known"] == 0
    assert reported["libraryAgeS"] is None
    assert reported["isAnswered"] is None
    assert reported["camera"] is None
    assert reported["thermometer"] is None
    assert reported["file"] == {
        **{"people": 0, "pending": 0, "parked": 0, "passes": [], "openings": []}
    }


async def test_degraded_loop_is_told(signed_in: RunningPage) -> None:
    supervisor = Supervisor("door", clock=signed_in.clock, event_log=signed_in.event_log)
    signed_in.parts.process.loops["door"] = supervisor
    supervisor.state = State.DEGRADED

    assert (await signed_in.state())["loops"] == {"door": "degraded"}
    assert (await signed_in.get("/")).status_code == 200


async def test_passes_come_with_everything_that_was_decided(start: Starter) -> None:
    page = await start(top={"thermometer": {"driver": "simulated"}, "library_max_age_s": 0})
    await page.sign_in()
    await page.call("perparacfg", (await page.call("perpara"))["data"])
    face = (await page.call("smartface"))["data"]
    await page.call("smartfacecfg", {**face, "maskDetecEnable": 1})
    photo = base64.b64encode(person_jpeg(100)).decode()
    assert await page.code("userAdd", {**PERSON, "photo": photo}) == 200

    await page.somebody_comes(100)
    page.thermometer.reading_c = 38.4
    await page.somebody_comes(100)
    await page.somebody_comes(200)

    stranger, hot, well = await passes(page)
    assert well["door"] == {"isOpen": True, "reason": "local_allowed"}
    assert (well["name"], well["similarity"], well["temperature"]) == ("李二壮", 100, 36.5)
    assert (well["isHot"], well["mask"], well["hasPicture"]) == (False, False, True)
    assert hot["door"] == {"isOpen": False, "reason": "temperature_high"}
    assert hot["isHot"]
    assert (stranger["name"], stranger["type"]) == ("", -1)
    assert stranger["door"] == {"isOpen": False, "reason": "nobody"}
    reported = await page.state()
    assert reported["thermometer"] == {"works": True, "c": 38.4, "ageS": 0}
    assert (reported["known"], reported["file"]["people"], reported["file"]["pending"]) == (1, 1, 3)
    assert reported["camera"] == {"ageS": 0, "isLive": False}


async def test_only_the_last_twenty_are_shown_newest_first(signed_in: RunningPage) -> None:
    for _ in range(25):
        await signed_in.somebody_comes(200)

    shown = await passes(signed_in)

    assert [one["id"] for one in shown] == list(range(25, 5, -1))


async def test_pass_of_an_earlier_version_has_no_outcome(signed_in: RunningPage) -> None:
    await signed_in.somebody_comes(200)
    await signed_in.parts.database.run(
        lambda connection: connection.execute("UPDATE passes SET facts = '{}'").fetchall()
    )

    (shown,) = await passes(signed_in)

    assert shown["door"] is None
    assert shown["similarity"] is None


async def test_pass_by_card_is_told_as_one(signed_in: RunningPage) -> None:
    await signed_in.somebody_comes(200)
    assert not (await passes(signed_in))[0]["isCard"]
    await signed_in.parts.database.run(
        lambda connection: connection.execute(
            "UPDATE passes SET facts = json_set(facts, '$.inputType', 3)"
        ).fetchall()
    )

    assert (await passes(signed_in))[0]["isCard"]


async def test_door_opens_after_a_reason_and_a_second_word(signed_in: RunningPage) -> None:
    asked = await signed_in.post("/open", {"reason": "  parcel 包裹 "})
    assert signed_in.relay.pulses_ms == []

    answer = await signed_in.post("/open", {"confirm": asked.json()["confirm"]})

    assert (answer.status_code, answer.json()) == (200, {"opened": True})
    assert signed_in.relay.pulses_ms == [3000]
    (noted,) = (await signed_in.call("jsonCmd", {"cmd": "openings"}))["json"]
    assert (noted["caller"], noted["remark"]) == ("127.0.0.1", "parcel 包裹")
    assert signed_in.named("remote_open")
    signed_in.parts.interfaces.page.reader.forget()
    (shown,) = (await signed_in.state())["file"]["openings"]
    assert (shown["reason"], shown["caller"]) == ("parcel 包裹", "127.0.0.1")


async def test_one_confirmation_opens_once(signed_in: RunningPage) -> None:
    """Sent twenty times at once, as by an impatient thumb."""
    confirm = (await signed_in.post("/open", {"reason": "x"})).json()["confirm"]

    answers = await asyncio.gather(
        *(signed_in.post("/open", {"confirm": confirm}) for _ in range(20))
    )

    assert sorted(one.status_code for one in answers) == [200] + [409] * 19
    assert len(signed_in.relay.pulses_ms) == 1


@pytest.mark.parametrize("confirm", ["", "x", "é"])
async def test_nothing_opens_without_having_been_asked(
    signed_in: RunningPage, confirm: str
) -> None:
    answer = await signed_in.post("/open", {"confirm": confirm})

    assert (answer.status_code, answer.json()["problem"]) == (409, "confirm")
    assert signed_in.relay.pulses_ms == []


async def test_confirmation_of_another_session_opens_nothing(signed_in: RunningPage) -> None:
    confirm = (await signed_in.post("/open", {"reason": "x"})).json()["confirm"]
    signed_in.http.cookies.clear()
    await signed_in.sign_in()

    assert (await signed_in.post("/open", {"confirm": confirm})).status_code == 409
    assert signed_in.relay.pulses_ms == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"reason": ""},
        {"reason": "   "},
        {"reason": "x" * 256},
        {"reason": 7},
        {"reason": "a\nb"},
    ],
)
async def test_door_needs_a_proper_reason(signed_in: RunningPage, body: dict[str, Any]) -> None:
    answer = await signed_in.post("/open", body)

    assert (answer.status_code, answer.json()["problem"]) == (400, "reason")


async def test_door_stays_closed_when_the_opening_cannot_be_noted(
    signed_in: RunningPage,
) -> None:
    await signed_in.parts.database.run(
        lambda connection: connection.execute("DROP TABLE openings").fetchall()
    )

    status, answer = await ask_and_confirm(signed_in, "x")

    assert (status, answer["problem"]) == (503, "not_noted")
    assert signed_in.relay.pulses_ms == []


async def test_stuck_lock_is_told(signed_in: RunningPage) -> None:
    signed_in.relay.fails_with = DriverError("stuck")

    status, answer = await ask_and_confirm(signed_in, "x")

    assert (status, answer["problem"]) == (503, "relay_failed")


def test_confirmation_is_good_for_half_a_minute() -> None:
    session = Session(began_s=0.0, used_s=0.0)
    for waited_s, reason in ((30.0, "x"), (30.1, None)):
        confirm, for_s = session.ask("x", 100.0)
        assert for_s == 30.0
        assert session.take_back(confirm, 100.0 + waited_s) == reason


async def test_sync_now_asks_the_platform(signed_in: RunningPage, platform: FakePlatform) -> None:
    polling = asyncio.create_task(signed_in.parts.upstream.sync.run())
    await signed_in.parts.upstream.sync.first_round_done.wait()
    polls = len(platform.polls)

    answer = await signed_in.post("/sync")

    assert answer.json() == {"asked": True}
    await asyncio.to_thread(platform.wait, lambda here: len(here.polls) > polls)
    polling.cancel()
    await asyncio.wait([polling])


async def test_file_that_cannot_be_read_is_told_and_the_rest_shown(
    signed_in: RunningPage,
) -> None:
    await signed_in.somebody_comes(200)
    path = signed_in.parts.database.path
    aside = path.rename(path.with_name("aside"))
    path.mkdir()

    reported = await signed_in.state()
    picture = await signed_in.get("/passes/1/picture")

    assert reported["file"] is None
    assert reported["camera"] is not None
    assert (picture.status_code, picture.json()["problem"]) == (503, "file")
    assert (await signed_in.get("/picture")).status_code == 200
    assert (await signed_in.get("/")).status_code == 200
    path.rmdir()
    aside.rename(path)
    assert (await signed_in.state())["file"] is not None


async def test_open_transaction_keeps_the_page_from_nothing(signed_in: RunningPage) -> None:
    with closing(sqlite3.connect(signed_in.parts.database.path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")

        reported = await signed_in.state()

    assert reported["file"] is not None


async def test_reading_never_queues_before_the_door(signed_in: RunningPage) -> None:
    """The page's connection is its own: the door's thread is held, and the page answers."""
    release = threading.Event()
    held = asyncio.create_task(signed_in.parts.database.run(lambda connection: release.wait(10)))
    try:
        reported = await signed_in.state()
    finally:
        release.set()
        await held

    assert reported["file"] is not None


async def test_watching_is_shared_and_reads_little(signed_in: RunningPage) -> None:
    opened = 0
    original = sqlite3.connect

    def counted(*args: Any, **more: Any) -> Any:
        nonlocal opened
        opened += 1
        return original(*args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", counted)
        await asyncio.gather(*(signed_in.state() for _ in range(30)))

    assert opened <= 3  # one a second, and thirty of them are quick


async def test_slow_file_is_read_more_rarely(
    signed_in: RunningPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counting a long queue on a slow card must not keep the card busy."""
    reader = signed_in.parts.interfaces.page.reader
    original, reads = sqlite3.connect, []

    def slow(*args: Any, **more: Any) -> Any:
        reads.append(args)
        time.sleep(0.1)
        return original(*args, **more)

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", slow)
        await signed_in.state()
        rest_s = reader.read_again_s - asyncio.get_running_loop().time()
        await signed_in.state()

    assert rest_s > 1.5
    assert len(reads) == 1
