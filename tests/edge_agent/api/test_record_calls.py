"""8.3.1 and 8.3.2: records, every parameter, today, paging, newest first, bounded."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from edge_agent.api.record_calls import today
from edge_agent.storage.people_rows import Match
from edge_agent.storage.records import RecordLog, Retention, Visit
from terminal_protocol.device_objects import SIGN_OBJECT
from tests.support.edge.fakes import person_jpeg
from tests.support.edge.running_terminal import PERSON, RunningTerminal

NOON = datetime.now(UTC).astimezone().replace(hour=12, minute=0, second=0, microsecond=0)
SECONDS = int(NOON.timestamp())


def visit(
    at: datetime, user_id: str = "", name: str = "", user_type: str = "user", **more: Any
) -> Visit:
    match = Match(user_id, name, user_type, 80) if user_id else None
    return Visit(
        **{
            "at": at,
            "match": match,
            "temperature_c": 36.5,
            "temperature_limit_c": 37.3,
            "has_mask": None,
            "snapshot": b"\xff\xd8\xffpicture",
            **more,
        }
    )


async def remember(terminal: RunningTerminal, *visits: Visit) -> None:
    for one in visits:
        await terminal.parts.interfaces.terminal.records.keep(one, "syattribute", b"{}")


@pytest.fixture
async def peopled(terminal: RunningTerminal) -> RunningTerminal:
    """Four passes today around noon, one of yesterday, one of tomorrow."""
    await remember(
        terminal,
        visit(NOON - timedelta(days=1), "y", "Yesterday"),
        visit(NOON, "a", "Ann Smith", "student"),
        visit(NOON + timedelta(seconds=1), "b", "Bob Smith", "visitor"),
        visit(NOON + timedelta(seconds=2), "c", "李二壮", "blacklist"),
        visit(NOON + timedelta(seconds=3)),
        visit(NOON + timedelta(days=1), "t", "Tomorrow"),
    )
    return terminal


DAY = 86_400


@pytest.mark.parametrize(
    ("parameters", "found"),
    [
        ({}, "-cba"),
        ({"type": 0}, "-cba"),
        ({"type": 1}, "a"),
        ({"type": 2}, "b"),
        ({"type": 3}, "c"),
        ({"type": -1}, "-"),
        ({"userId": "a"}, "a"),
        ({"userId": "0"}, "-cba"),
        ({"userId": ""}, "-cba"),
        ({"userId": "nobody"}, ""),
        ({"username": "Smith"}, "ba"),
        ({"username": "二"}, "c"),
        ({"username": ""}, "-cba"),
        ({"username": "_"}, ""),
        ({"startTime": SECONDS + 1}, "-cb"),
        ({"endTime": SECONDS + 1}, "ba"),
        ({"startTime": SECONDS + 1, "endTime": SECONDS + 2}, "cb"),
        ({"startTime": SECONDS, "endTime": SECONDS}, "a"),
        ({"startTime": SECONDS - DAY}, "-cbay"),
        ({"startTime": 0, "endTime": SECONDS + DAY}, "t-cbay"),
        ({"startTime": SECONDS + DAY}, ""),
        ({"size": 2}, "-c"),
        ({"size": 2, "page": 2}, "ba"),
        ({"size": 2, "page": 3}, ""),
        ({"size": 1001}, "-cba"),
        ({"type": 1, "username": "Bob"}, ""),
    ],
)
async def test_list_by_every_parameter(
    peopled: RunningTerminal, parameters: dict[str, Any], found: str
) -> None:
    """Newest first; what finds nothing is 50008 Search List Null."""
    answer = await peopled.call("recordList", **parameters)

    if not found:
        assert (answer["code"], answer["message"]) == (50008, "Search List Null")
        return
    assert [one["userId"] or "-" for one in answer["data"]["data"]] == list(found)


@pytest.mark.parametrize(
    "parameters",
    [
        *({"type": 4}, {"type": -2}, {"type": "x"}, {"page": 0}, {"page": "1.5"}, {"size": 0}),
        *({"size": "all"}, {"startTime": "today"}, {"endTime": -1}, {"startTime": 1573539353795}),
        *({"startTime": 5, "endTime": 4}, {"userId": "x" * 41}, {"username": "x" * 81}),
    ],
)
async def test_impossible_parameter(peopled: RunningTerminal, parameters: dict[str, Any]) -> None:
    assert await peopled.code("recordList", **parameters) == 30001


@pytest.mark.parametrize(
    ("page", "size", "expected"),
    [
        (None, None, {"total": 1003, "pageNum": 1, "size": 20, "pageSize": 20, "totalPage": 51}),
        (51, None, {"total": 1003, "pageNum": 51, "size": 3, "pageSize": 20, "totalPage": 51}),
        (1, 1000, {"total": 1003, "pageNum": 1, "size": 1000, "pageSize": 1000, "totalPage": 2}),
        (2, 1001, {"total": 1003, "pageNum": 2, "size": 3, "pageSize": 1000, "totalPage": 2}),
    ],
)
async def test_paging(
    terminal: RunningTerminal, page: int | None, size: int | None, expected: dict[str, int]
) -> None:
    """Twenty a page unless told otherwise, at most a thousand."""
    rows = [("", "", -1, SECONDS, '{"inputType": 1}')] * 1003
    await terminal.parts.database.run(
        lambda connection: connection.executemany(
            "INSERT INTO passes (user_id, name, type, sign_time, facts) VALUES (?, ?, ?, ?, ?)",
            rows,
        )
    )

    data = (await terminal.call("recordList", page=page, size=size))["data"]

    ids = [one["id"] for one in data.pop("data")]
    assert ids == sorted(ids, reverse=True)
    assert data == expected


async def test_record_is_a_sign_object(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**PERSON, "department": "R&D"})
    seen = visit(NOON, "u1", "李二壮", "1", temperature_c=38.4, has_mask=False)
    await remember(terminal, seen)

    (record,) = (await terminal.call("recordList"))["data"]["data"]

    assert record == {
        **PERSON,
        **{"department": "R&D", "id": 1, "signAvatar": "/9j/cGljdHVyZQ==", "type": 1},
        **{"signTime": SECONDS, "inputType": 1, "similarity": 80, "temperature": 38.4},
        **{"temperatureState": 1, "wearMask": False, "wearMaskAlarm": True},
        "deviceMark": "0000001",
    }
    assert SIGN_OBJECT.read(record).problems == ()


@pytest.mark.parametrize(
    ("temperature_c", "state"), [(36.5, 0), (37.3, 1), (34.9, -1), (35.0, 0), (37.2, 0)]
)
async def test_temperature_state(
    terminal: RunningTerminal, temperature_c: float, state: int
) -> None:
    await remember(terminal, visit(NOON, temperature_c=temperature_c))

    (record,) = (await terminal.call("recordList"))["data"]["data"]
    assert (record["temperature"], record["temperatureState"]) == (temperature_c, state)


async def test_what_was_not_measured_is_left_out(terminal: RunningTerminal) -> None:
    await remember(terminal, visit(NOON, temperature_c=None))

    (record,) = (await terminal.call("recordList"))["data"]["data"]

    assert not {"temperature", "temperatureState", "wearMask", "similarity"} & set(record)
    assert (record["userType"], record["type"]) == (-1, -1)  # "when a stranger is recognised"


async def test_erased_person_leaves_id_name_and_type(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**PERSON, "idNumber": "431123"})
    await remember(terminal, visit(NOON, "u1", "李二壮", "1"))

    await terminal.call("userDelete", user_id="u1")

    (record,) = (await terminal.call("recordList"))["data"]["data"]
    assert (record["userId"], record["name"], record["mobile"]) == ("u1", "李二壮", "")
    assert "idNumber" not in record


async def test_records_are_bounded_in_number_pictures_and_age(terminal: RunningTerminal) -> None:
    log = RecordLog(
        terminal.parts.database,
        device_mark="1",
        retention=Retention(2, records_max=4, pictures_max=2),
    )
    for days in (9, 8, 1, 0, 0, 0, 0):
        await log.keep(visit(NOON - timedelta(days=days)), "syattribute", b"{}")

    answer = await terminal.call("recordList", startTime=0)

    records = answer["data"]["data"]
    assert [one["id"] for one in records] == [7, 6, 5, 4]
    assert ["signAvatar" in one for one in records] == [True, True, False, False]


async def test_long_page_carries_the_pictures_of_the_newest_only(
    terminal: RunningTerminal,
) -> None:
    big = b"\xff\xd8\xff" + bytes(6 * 1024 * 1024)
    await remember(terminal, *(visit(NOON, snapshot=big) for _ in range(3)))

    records = (await terminal.call("recordList"))["data"]["data"]

    assert ["signAvatar" in one for one in records] == [True, True, False]


async def test_record_and_upload_are_kept_together_or_not_at_all(
    terminal: RunningTerminal,
) -> None:
    await terminal.parts.database.run(lambda connection: connection.execute("DROP TABLE passes"))

    with pytest.raises(Exception, match="passes"):
        await remember(terminal, visit(NOON))

    assert await terminal.count("outbox") == 0


async def test_records_survive_a_damaged_file(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**PERSON, "photo": ""})
    await terminal.call("open", remark="x")
    await terminal.somebody_comes(100)
    path = terminal.config.data_dir / "agent.sqlite3"
    await terminal.parts.database.checkpoint()
    await terminal.parts.database.close()
    from edge_agent.storage.rebuild import carry_over, open_or_rebuild

    damaged = path.rename(path.with_name("damaged"))
    fresh = open_or_rebuild(path)
    carry_over(damaged, fresh)
    fresh.close()
    await terminal.parts.database.open()

    assert (await terminal.call("recordList"))["data"]["total"] == 1
    assert (await terminal.call("userList"))["data"]["total"] == 1
    assert (await terminal.call("jsonCmd", {"cmd": "openings"}))["json"][0]["remark"] == "x"


def test_today_is_a_day_of_the_computers_zone() -> None:
    begins, ends = today(NOON)

    assert datetime.fromtimestamp(begins).astimezone().hour == 0
    assert ends - begins + 1 in {82_800, 86_400, 90_000}
    assert begins <= SECONDS <= ends


def test_a_face_for_the_tests_is_a_jpeg() -> None:
    assert person_jpeg(100).startswith(b"\xff\xd8\xff")


@pytest.mark.parametrize("temperature_c", [float("nan"), float("inf"), -300.0])
async def test_nonsense_of_a_sensor_costs_the_reading_and_not_the_record(
    terminal: RunningTerminal, temperature_c: float
) -> None:
    await remember(terminal, visit(NOON, "u1", "Ann", temperature_c=temperature_c))

    (record,) = (await terminal.call("recordList"))["data"]["data"]
    assert "temperature" not in record


async def test_long_ids_and_names_of_the_library_lose_no_record(terminal: RunningTerminal) -> None:
    await remember(terminal, visit(NOON, "x" * 64, "n" * 200))

    (record,) = (await terminal.call("recordList"))["data"]["data"]
    assert (record["userId"], record["name"]) == ("x" * 40, "n" * 80)
