"""The terminal's people follow the platform's library, over real HTTP."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.storage.database import Database
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.sync import SyncLimits
from tests.support.edge.fakes import (
    ManualClock,
    person_image,
    person_jpeg,
)
from tests.support.edge.library_side import Terminal
from tests.support.fake_platform import Failure, FakePlatform, refusal


@pytest.fixture
async def terminal(
    database: Database, client: PlatformClient, clock: ManualClock
) -> AsyncIterator[Terminal]:
    made = Terminal(database, client, clock)
    await made.recogniser.open()
    yield made
    await made.recogniser.close()


def results(platform: FakePlatform) -> dict[str, str]:
    return {one.user_id: one.code for one in platform.results}


async def test_enrolled_people_are_recognised_and_reported(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    platform.enrol("1002", "Bob", person_jpeg(200))

    assert await terminal.sync.round()
    await terminal.send_all()

    assert await terminal.recognises(100) == "1001"
    assert await terminal.recognises(200) == "1002"
    assert await terminal.recognises(150) is None
    assert results(platform) == {"1001": "100", "1002": "100"}


async def test_polls_again_at_once_until_the_list_is_empty(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.page_size = 2
    for number in range(5):
        platform.enrol(str(number), "", person_jpeg(50 + 20 * number))

    await terminal.sync.round()

    assert len(platform.polls) == 4
    assert platform.polls[0] == 0
    assert platform.polls[1:] == sorted(platform.polls[1:])
    assert (await terminal.store.sync_state()).faces == 5


async def test_next_round_asks_with_the_stored_cursor(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()

    await terminal.sync.round()

    assert platform.polls[-1] == await terminal.store.cursor() > 0


async def test_deleted_person_leaves_nothing_behind(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    platform.delete("1001")

    await terminal.sync.round()
    await terminal.send_all()

    assert await terminal.recognises(100) is None
    assert await terminal.count("people") == 0
    assert await terminal.count("pictures") == 0
    assert [one.code for one in platform.results] == ["100", "100"]


async def test_deleted_picture_is_not_left_on_the_disk(
    platform: FakePlatform, terminal: Terminal, tmp_path: Path
) -> None:
    def copies() -> int:
        raw = b"".join(one.read_bytes() for one in tmp_path.glob("agent.sqlite3*"))
        return raw.count(b"a remark to look for")

    platform.enrol("1001", "Ann", person_jpeg(100, remark=b"a remark to look for"))
    await terminal.sync.round()
    held = copies()
    platform.delete("1001")

    await terminal.sync.round()

    assert (held, copies()) == (1, 0)


@pytest.mark.parametrize(
    "url",
    [
        "no address",
        "http://127.0.0.1:99999/a.jpg",
        "http://xn--/a.jpg",
        "ftp://127.0.0.1/a.jpg",
        "http://[::1/a.jpg",
    ],
)
async def test_address_that_cannot_be_fetched_holds_nobody_up(
    platform: FakePlatform, terminal: Terminal, url: str
) -> None:
    platform.enrol("bad", "Ann", person_jpeg(100), url=url)
    platform.enrol("good", "Bob", person_jpeg(200))

    assert await terminal.sync.round()
    await terminal.send_all()

    assert results(platform) == {"bad": "102", "good": "100"}


async def test_person_who_breaks_the_models_holds_nobody_up(
    platform: FakePlatform, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = terminal.engine.largest_descriptor

    def fragile(image: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        if image.mean() < 150:
            raise RuntimeError("a shape nobody thought of")
        return usual(image)

    monkeypatch.setattr(terminal.engine, "largest_descriptor", fragile)
    platform.enrol("bad", "Ann", person_jpeg(100))
    platform.enrol("good", "Bob", person_jpeg(200))

    assert await terminal.sync.round()
    await terminal.send_all()

    assert results(platform) == {"bad": "106", "good": "100"}


async def test_deleting_somebody_unknown_is_confirmed(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.delete("nobody")

    await terminal.sync.round()
    await terminal.send_all()

    assert results(platform) == {"nobody": "100"}


async def test_new_photo_replaces_the_old_one(platform: FakePlatform, terminal: Terminal) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    platform.enrol("1001", "Ann", person_jpeg(200))

    await terminal.sync.round()

    assert await terminal.recognises(100) is None
    assert await terminal.recognises(200) == "1001"
    assert await terminal.count("pictures") == 1


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        (person_jpeg(0), "101"),
        (Failure(404), "102"),
        (b"x" * 60_000, "102"),
        (Failure(500), "102"),
        (Failure(0), "102"),
        (b"", "102"),
        (b"this is no picture", "103"),
        (None, "105"),
    ],
    ids=["no face", "404", "too long", "500", "hangs up", "empty", "no picture", "no address"],
)
async def test_bad_picture_is_reported_and_the_cursor_goes_on(
    platform: FakePlatform, terminal: Terminal, picture: bytes | Failure | None, code: str
) -> None:
    platform.enrol("bad", "Ann", picture)
    platform.enrol("good", "Bob", person_jpeg(200))

    assert await terminal.sync.round()
    await terminal.send_all()

    assert results(platform) == {"bad": code, "good": "100"}
    assert await terminal.recognises(200) == "good"
    assert platform.polls[-1] > 0


async def test_picture_without_a_face_takes_the_old_face_away(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    platform.enrol("1001", "Ann", person_jpeg(0))

    await terminal.sync.round()

    assert await terminal.recognises(100) is None
    assert await terminal.count("pictures") == 0


async def test_picture_that_does_not_come_leaves_the_old_face(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    platform.enrol("1001", "Ann", Failure(500))

    await terminal.sync.round()

    assert await terminal.recognises(100) == "1001"


async def test_picture_that_did_not_come_is_fetched_later_by_itself(
    platform: FakePlatform, terminal: Terminal, clock: ManualClock
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    platform.fail("picture", Failure(503), times=2)
    await terminal.sync.round()
    await terminal.send_all()
    assert results(platform) == {"1001": "102"}

    await terminal.sync.round()
    assert await terminal.recognises(100) is None
    clock.advance(31)
    await terminal.sync.round()
    await terminal.send_all()

    assert await terminal.recognises(100) == "1001"
    assert results(platform) == {"1001": "100"}


async def test_last_word_about_a_person_counts(platform: FakePlatform, terminal: Terminal) -> None:
    """The example of seed 9.1 lists one user as save, delete and save again, with stray blanks."""
    for shade in (100, 200):
        platform.pictures[f"/i/{shade}.jpg"] = person_jpeg(shade)
    first, last = (f"{platform.url}/i/{shade}.jpg" for shade in (100, 200))
    page = [
        {"operation": "save", "userId": "1112222", "userName": "A", "userImageUrl": first},
        {"operation": "delete ", "userId": "1112222", "userName": "B", "operateTime ": 1487315041},
        {"operation": " save", "userId": "1112222 ", "userName": "B", "userImageUrl": last},
    ]
    body = json.dumps({"serviceResponse": {"list": page, "lastQueryTime": 1487313392}})
    platform.fail("syrecord", Failure(200, body.encode()))

    await terminal.sync.round()
    await terminal.send_all()

    assert await terminal.recognises(200) == "1112222"
    assert await terminal.recognises(100) is None
    assert results(platform) == {"1112222": "100"}


async def test_cursor_does_not_move_before_the_whole_page_is_stored(
    platform: FakePlatform, terminal: Terminal
) -> None:
    for number in range(60):
        platform.enrol(str(number), "", person_jpeg(100, remark=str(number).encode()))
    await terminal.database.run(
        lambda connection: connection.execute(
            "CREATE TRIGGER last BEFORE INSERT ON people WHEN new.user_id = '59'"
            " BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    )

    with pytest.raises(sqlite3.IntegrityError, match="full"):
        await terminal.sync.round()
    stored = await terminal.count("people")
    cursor = await terminal.store.cursor()
    await terminal.database.run(lambda connection: connection.execute("DROP TRIGGER last"))
    await terminal.sync.round()

    assert (stored, cursor) == (50, 0)
    assert await terminal.count("people") == 60


async def test_library_without_pages_is_taken_in_in_pieces(
    platform: FakePlatform, terminal: Terminal
) -> None:
    for number in range(120):
        platform.enrol(str(number), "", person_jpeg(100, remark=str(number).encode()))

    await terminal.sync.round()
    await terminal.send_all()

    assert (await terminal.store.sync_state()).people == 100
    codes = list(results(platform).values())
    assert (codes.count("100"), codes.count("104")) == (100, 20)


async def test_full_terminal_still_takes_changes_of_those_it_holds(
    database: Database, client: PlatformClient, clock: ManualClock, platform: FakePlatform
) -> None:
    limits = SyncLimits(interval_s=1, picture_max_bytes=50_000, picture_parallel=1, people_max=1)
    terminal = Terminal(database, client, clock, limits=limits)
    await terminal.recogniser.open()
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    platform.enrol("1002", "Bob", person_jpeg(150))
    platform.enrol("1001", "Ann", person_jpeg(200))

    await terminal.sync.round()
    await terminal.send_all()

    assert await terminal.recognises(200) == "1001"
    assert results(platform) == {"1001": "100", "1002": "104"}
    await terminal.recogniser.close()


async def test_unchanged_picture_is_not_described_again(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    described = terminal.engine.described
    platform.enrol("1001", "Ann Renamed", person_jpeg(100))

    await terminal.sync.round()

    assert terminal.engine.described == described
    sighting = await terminal.recogniser.recognise(person_image(100))
    assert sighting and sighting.match and sighting.match.name == "Ann Renamed"


@pytest.mark.parametrize(
    "failure",
    [
        Failure(0),
        Failure(503),
        refusal("10005"),
        Failure(200, b"null"),
        Failure(200, b'{"serviceResponse": {"list": []}}'),
        Failure(200, b"<html>"),
    ],
)
async def test_poll_without_an_answer_changes_nothing(
    platform: FakePlatform, terminal: Terminal, failure: Failure
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    cursor = await terminal.store.cursor()
    platform.fail("syrecord", failure)

    assert not await terminal.sync.round()

    assert await terminal.store.cursor() == cursor
    assert await terminal.recognises(100) == "1001"


async def test_platform_that_echoes_the_cursor_is_not_asked_for_ever(
    platform: FakePlatform, terminal: Terminal
) -> None:
    """A field server answered every poll with the cursor it was asked with."""
    body = (
        b'{"serviceResponse": {"list": [{"operation": " save", "userId": " 7", "userName": "A",'
        b'"userImageUrl": "", "operateTime ": 1}], "lastQueryTime": 0}}'
    )
    platform.fail("syrecord", Failure(200, body), times=5)

    await terminal.sync.round()

    assert platform.requests.count("GET syrecord") == 1


async def test_terminal_that_waits_for_approval_starts_from_the_beginning(
    platform: FakePlatform, terminal: Terminal
) -> None:
    platform.fail(
        "syrecord", Failure(200, b'{"serviceResponse": {"list": [], "lastQueryTime": 0}}')
    )
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    assert await terminal.recognises(100) is None

    await terminal.sync.round()

    assert platform.polls == [0, platform.polls[-1]]
    assert await terminal.recognises(100) == "1001"


async def test_library_survives_a_restart(
    platform: FakePlatform,
    terminal: Terminal,
    database: Database,
    client: PlatformClient,
    clock: ManualClock,
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()

    again = Terminal(database, client, clock)
    await again.recogniser.open()
    held = await again.sync.load()

    assert held == 1
    assert await again.recognises(100) == "1001"
    assert again.sync.library_age_s() == 0.0
    await again.recogniser.close()


async def test_another_model_describes_everybody_anew(
    platform: FakePlatform,
    terminal: Terminal,
    database: Database,
    client: PlatformClient,
    clock: ManualClock,
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(100))
    await terminal.sync.round()
    again = Terminal(database, client, clock, contract_id="fake/2")
    await again.recogniser.open()

    assert await again.sync.load() == 0
    await again.sync.redescribe()

    assert await again.recognises(100) == "1001"
    await again.recogniser.close()


async def test_report_cursor_and_faces_are_one_transaction(
    platform: FakePlatform, terminal: Terminal
) -> None:
    """When the queue cannot take the report, neither the people nor the cursor may move."""
    await terminal.database.run(
        lambda connection: connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
    )
    platform.enrol("1001", "Ann", person_jpeg(100))

    with pytest.raises(sqlite3.IntegrityError, match="full"):
        await terminal.sync.round()

    assert await terminal.store.cursor() == 0
    assert await terminal.count("people") == 0


async def test_loop_keeps_polling(platform: FakePlatform, terminal: Terminal) -> None:
    loop = asyncio.create_task(terminal.sync.run())

    await asyncio.to_thread(platform.wait, lambda here: len(here.polls) >= 3)

    loop.cancel()
    assert terminal.sync.first_round_done.is_set()


async def test_names_and_addresses_are_not_told(platform: FakePlatform, terminal: Terminal) -> None:
    platform.enrol("1001", "Ann Secret", person_jpeg(100))

    await terminal.sync.round()

    assert terminal.event_log.lines
    assert not [line for line in terminal.event_log.lines if "Secret" in line or "http" in line]


async def test_whoever_asks_for_a_poll_does_not_wait_for_the_interval(
    database: Database, client: PlatformClient, clock: ManualClock, platform: FakePlatform
) -> None:
    context = SyncLimits(
        interval_s=3600, picture_max_bytes=50_000, picture_parallel=1, people_max=9
    )
    terminal = Terminal(database, client, clock, limits=context)
    await terminal.recogniser.open()
    running = asyncio.create_task(terminal.sync.run())
    await terminal.sync.first_round_done.wait()
    platform.enrol("1001", "Ann", person_jpeg(100))

    terminal.sync.poll_soon()
    await asyncio.to_thread(platform.wait, lambda here: len(here.polls) >= 3)

    running.cancel()
    await asyncio.wait([running])
    await terminal.recogniser.close()
    assert "1001" in str(await terminal.store.known(["1001"]))
