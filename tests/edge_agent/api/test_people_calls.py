"""8.2: people added, changed, deleted and listed, beside the platform's own."""

import asyncio
import base64
from typing import Any

import pytest

from edge_agent.door.decision import DoorReason
from terminal_protocol.device_fields import FieldKind, WireField
from terminal_protocol.device_objects import USER_OBJECT
from tests.support.edge.fakes import person_jpeg
from tests.support.edge.people_calls import (
    ANN,
    BOB,
    FULL,
    UNRECOGNISED,
    listed,
    photo_of,
    recognised,
)
from tests.support.edge.running_terminal import PERSON, RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform


async def test_person_is_added_with_a_photo_and_recognised(terminal: RunningTerminal) -> None:
    photo = photo_of(ANN)

    answer = await terminal.call("userAdd", {**FULL, "photo": photo})

    assert answer == {"code": 200, "message": "OK", "desc": "", "data": {**FULL, "photo": photo}}
    assert await recognised(terminal, ANN) == "u1"


async def test_person_without_a_photo_is_held_and_not_recognised(terminal: RunningTerminal) -> None:
    assert await terminal.code("userAdd", PERSON) == 200

    assert await listed(terminal) == ["u1"]
    assert await recognised(terminal, ANN) is None


ROWS = [one for one in USER_OBJECT.fields if one.kind is not FieldKind.PICTURE]


@pytest.mark.parametrize("row", ROWS, ids=[one.name for one in ROWS])
async def test_row_of_the_user_object(terminal: RunningTerminal, row: WireField) -> None:
    """8.2.1: taken at its limit and given back; 30001 beyond it; 30003 when it is missing."""
    good: list[Any] = list(row.choices)
    bad: list[Any] = [["x"], {"a": 1}]
    if row.kind is FieldKind.TEXT:
        assert row.length_max is not None
        good.append("名" * row.length_max)
        bad.append("x" * (row.length_max + 1))
    elif not row.choices:
        good.append(1573539353)
        bad.append("soon")
    if row.choices:
        bad += [0, 4, 9]
    if row.may_be_empty:
        good.append("")

    for value in good:
        answer = await terminal.call("userAdd", {**FULL, row.name: value})
        assert (answer["code"], answer["data"][row.name]) == (200, value)
    for value in bad:
        answer = await terminal.call("userAdd", {**FULL, row.name: value})
        assert answer["code"] == 30001
        assert answer["desc"].startswith(f"{row.name}: ")
    absent = {key: value for key, value in FULL.items() if key != row.name}
    assert await terminal.code("userAdd", absent) == (30003 if row.is_required else 200)


@pytest.mark.parametrize("name", ["userId", "name"])
async def test_id_and_name_are_not_empty(terminal: RunningTerminal, name: str) -> None:
    answer = await terminal.call("userAdd", {**PERSON, name: ""})

    assert (answer["code"], answer["desc"]) == (30001, f"{name}: empty")


@pytest.mark.parametrize(
    ("photo", "code"),
    [
        ("not base64!", 30004),
        (base64.b64encode(b"GIF89a....").decode(), 30004),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode(), 30004),
        (base64.b64encode(person_jpeg(ANN)[:200]).decode(), 30004),
        (photo_of(UNRECOGNISED), 30002),
        (photo_of(ANN), 200),
        ("data:image/jpeg;base64," + photo_of(ANN), 200),
        (photo_of(ANN)[:40] + "\r\n" + photo_of(ANN)[40:], 200),
        ("", 200),
        (None, 200),
        (17, 30001),
    ],
    ids=["words", "gif", "png", "cut", "nobody", "face", "data-url", "lines", "", "null", "number"],
)
async def test_photo(terminal: RunningTerminal, photo: Any, code: int) -> None:
    """30004 Avatar File Illegal, 30002 No Face Detected In The Image."""
    assert await terminal.code("userAdd", {**PERSON, "photo": photo}) == code
    assert await listed(terminal) == (["u1"] if code == 200 else [])


async def test_photo_that_is_too_long_is_illegal(start: Starter) -> None:
    terminal = await start(top={"picture_max_bytes": 1024})
    long = photo_of(ANN, remark=b"x" * 2000)

    assert await terminal.code("userAdd", {**PERSON, "photo": long}) == 30004


@pytest.mark.parametrize("how", ["form", "multipart"])
async def test_person_may_come_as_a_form(terminal: RunningTerminal, how: str) -> None:
    fields = {key: str(value) for key, value in FULL.items()}
    written: dict[str, Any] = {
        "form": {"data": {**fields, "photo": photo_of(ANN)}},
        "multipart": {
            "data": fields,
            "files": {"photo": ("a.jpg", person_jpeg(ANN), "image/jpeg")},
        },
    }[how]

    response = await terminal.request("POST", "/api/user", params=terminal.query(), **written)

    assert response.json()["data"] == {**FULL, "photo": photo_of(ANN)}


async def test_adding_somebody_again_replaces_them(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**FULL, "photo": photo_of(ANN)})

    answer = await terminal.call("userAdd", {**PERSON, "photo": photo_of(BOB)})

    assert answer["data"] == {**PERSON, "photo": photo_of(BOB)}
    assert await recognised(terminal, ANN) is None
    assert await recognised(terminal, BOB) == "u1"


async def test_update_changes_what_is_sent_and_keeps_the_rest(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**FULL, "photo": photo_of(ANN)})

    answer = await terminal.call("userUpdate", {**PERSON, "name": "Ann", "gender": 1}, user_id="u1")

    assert answer["data"] == {**FULL, "name": "Ann", "gender": 1, "photo": photo_of(ANN)}
    assert await recognised(terminal, ANN) == "u1"


async def test_update_with_a_photo_changes_the_face(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**PERSON, "photo": photo_of(ANN)})

    await terminal.call("userUpdate", {**PERSON, "photo": photo_of(BOB)}, user_id="u1")

    assert await recognised(terminal, BOB) == "u1"
    assert await recognised(terminal, ANN) is None


@pytest.mark.parametrize(
    ("user_id", "body", "code"),
    [
        ("u1", {**PERSON, "userId": "u2"}, 20002),
        ("u9", {**PERSON, "userId": "u9"}, 20001),
        ("u1", {key: value for key, value in PERSON.items() if key != "userId"}, 200),
        ("u1", {key: value for key, value in PERSON.items() if key != "name"}, 30003),
        ("u1", {**PERSON, "userType": 5}, 30001),
        ("u1", {**PERSON, "photo": photo_of(UNRECOGNISED)}, 30002),
        ("u1", {**PERSON, "photo": "?"}, 30004),
        ("u1", {}, 30003),
    ],
)
async def test_update_is_checked(
    terminal: RunningTerminal, user_id: str, body: dict[str, Any], code: int
) -> None:
    """20001 User Not Exists, 20002 User Not Match, and the codes of adding."""
    await terminal.call("userAdd", PERSON)

    assert await terminal.code("userUpdate", body, user_id=user_id) == code


async def test_delete_tells_who_it_was_and_forgets_them(terminal: RunningTerminal) -> None:
    await terminal.call("userAdd", {**FULL, "photo": photo_of(ANN)})

    answer = await terminal.call("userDelete", user_id="u1")

    assert answer["data"] == {**FULL, "photo": photo_of(ANN)}
    assert (await terminal.count("people"), await terminal.count("pictures")) == (0, 0)
    assert await recognised(terminal, ANN) is None
    assert await terminal.code("userDelete", user_id="u1") == 20001


@pytest.mark.parametrize("user_id", ["2.jpg", "a b", "张/三", "100%", "?x=1", "u'; --"])
async def test_ids_of_any_kind_work_in_addresses(terminal: RunningTerminal, user_id: str) -> None:
    person = {**PERSON, "userId": user_id}
    await terminal.call("userAdd", person)

    assert await terminal.code("userUpdate", person, user_id=user_id) == 200
    assert await listed(terminal, userId=user_id) == [user_id]
    assert await terminal.code("userDelete", user_id=user_id) == 200


@pytest.mark.parametrize("path", ["/api/user/delete", "/api/user/delete/", "/api/user/delete/u1"])
async def test_delete_takes_the_id_of_the_table(terminal: RunningTerminal, path: str) -> None:
    """8.2.4 names the person in the path, and as the parameter ``id`` in its table."""
    await terminal.call("userAdd", {**FULL, "photo": photo_of(ANN)})
    await terminal.call("userAdd", {**PERSON, "userId": "u2"})

    response = await terminal.request("GET", path, params=terminal.query(id="u1"))

    assert response.status_code == 200
    assert response.json() == {
        **{"code": 200, "message": "OK", "desc": ""},
        "data": {**FULL, "photo": photo_of(ANN)},
    }
    assert await listed(terminal) == ["u2"]
    assert await recognised(terminal, ANN) is None


@pytest.mark.parametrize("user_id", ["张/三", "a b", "100%", "?x=1", ".", "..", "u'; --"])
async def test_delete_by_parameter_takes_ids_of_any_kind(
    terminal: RunningTerminal, user_id: str
) -> None:
    await terminal.call("userAdd", {**PERSON, "userId": user_id})

    answer = await terminal.request("GET", "/api/user/delete/", params=terminal.query(id=user_id))

    assert answer.json()["data"]["userId"] == user_id
    assert await listed(terminal) == []


async def test_delete_by_parameter_knows_all(
    platform: FakePlatform, terminal: RunningTerminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(ANN))
    await terminal.parts.upstream.sync.round()
    await terminal.call("userAdd", PERSON)

    answer = await terminal.request("GET", "/api/user/delete", params=terminal.query(id="all"))

    assert (answer.json()["code"], answer.json()["data"]) == (200, {})
    assert await listed(terminal) == []


@pytest.mark.parametrize(
    ("method", "path", "more", "code"),
    [
        ("GET", "/api/user/delete", {}, 30003),
        ("GET", "/api/user/delete/", {"id": ""}, 30003),
        ("GET", "/api/user/delete/", {"id": "nobody"}, 20001),
        ("GET", "/api/user/delete/u1", {"id": "u2"}, 20002),
        ("GET", "/api/user/delete/u1", {"id": "all"}, 20002),
        ("GET", "/api/user/delete/", {"id": "x" * 41}, 30001),
        ("POST", "/api/user/delete/", {"id": "u1"}, 50004),
    ],
)
async def test_delete_that_names_nobody_or_two_deletes_nobody(
    terminal: RunningTerminal, method: str, path: str, more: dict[str, str], code: int
) -> None:
    await terminal.call("userAdd", [PERSON, {**PERSON, "userId": "u2"}])

    answer = await terminal.request(method, path, params=terminal.query(**more))

    assert answer.json()["code"] == code
    assert await listed(terminal) == ["u1", "u2"]


async def test_nobody_is_called_all(terminal: RunningTerminal) -> None:
    assert await terminal.code("userAdd", {**PERSON, "userId": "all"}) == 30001


async def test_all_deletes_everybody_and_the_platforms_people_come_back(
    platform: FakePlatform, terminal: RunningTerminal
) -> None:
    platform.enrol("1001", "Ann", person_jpeg(ANN))
    await terminal.parts.upstream.sync.round()
    await terminal.call("userAdd", {**PERSON, "photo": photo_of(BOB)})
    assert await listed(terminal) == ["1001", "u1"]

    answer = await terminal.call("userDelete", user_id="all")

    assert answer["code"] == 200
    assert await listed(terminal) == []
    await terminal.parts.upstream.sync.round()
    assert await listed(terminal) == ["1001"]
    assert platform.polls[-1] != 0
    assert 0 in platform.polls[1:]


async def test_library_that_is_full_takes_nobody_new(start: Starter) -> None:
    """50009 Database Full."""
    terminal = await start(top={"people_max": 2})
    for user_id in ("u1", "u2"):
        assert await terminal.code("userAdd", {**PERSON, "userId": user_id}) == 200

    assert await terminal.code("userAdd", {**PERSON, "userId": "u3"}) == 50009
    assert await terminal.code("userAdd", {**PERSON, "userId": "u2"}) == 200


async def test_several_are_added_at_once_or_nobody(start: Starter) -> None:
    """50003 Multi Request Error; ``desc`` says which one and why."""
    terminal = await start(top={"people_max": 3})
    three = [{**PERSON, "userId": f"u{number}"} for number in range(3)]

    for wrong, reported in (
        ({**PERSON, "photo": "?"}, "number 3: 30004 photo: not a JPEG in base64"),
        ({**PERSON, "userId": "u3"}, "number 3: 50009 database-full"),
        ({"userId": "u3"}, "number 3: 30003 userType: missing"),
        (17, "number 3: 30003 "),
    ):
        answer = await terminal.call("userAdd", [*three, wrong])
        assert answer["code"] == 50003
        assert reported in answer["desc"]
        assert await listed(terminal) == []
    good = await terminal.call("userAdd", three)

    assert [one["userId"] for one in good["data"]] == ["u0", "u1", "u2"]
    assert await listed(terminal) == ["u0", "u1", "u2"]


async def test_too_many_at_once_are_refused(terminal: RunningTerminal) -> None:
    assert await terminal.code("userAdd", [PERSON] * 101) == 30001


# ---- 8.2.5


# ---- who owns an id


@pytest.fixture
async def shared(platform: FakePlatform, terminal: RunningTerminal) -> RunningTerminal:
    """A terminal that holds Ann from the platform and Bob from its own interface."""
    platform.enrol("1001", "Ann", person_jpeg(ANN), user_type="visitor")
    await terminal.parts.upstream.sync.round()
    await terminal.call("userAdd", {**PERSON, "photo": photo_of(BOB)})
    return terminal


async def test_list_shows_people_of_both_origins(shared: RunningTerminal) -> None:
    ann, bob = (await shared.call("userList"))["data"]["data"]

    assert (ann["userId"], ann["name"], ann["userType"]) == ("1001", "Ann", 2)
    assert ann["photo"] == photo_of(ANN)
    assert bob["userId"] == "u1"
    assert await listed(shared, type=2) == ["1001"]


async def test_platforms_person_is_changed_by_the_platform_only(
    platform: FakePlatform, shared: RunningTerminal
) -> None:
    """20002; and the library is asked for at once, because somebody knows of a change."""
    ann = {**PERSON, "userId": "1001"}
    asked = shared.parts.upstream.sync._asked

    for name, body in (("userAdd", ann), ("userUpdate", ann), ("userDelete", None)):
        asked.clear()
        answer = await shared.call(name, body, user_id="1001")
        assert (answer["code"], answer["desc"]) == (20002, "owned-by-platform")
        assert asked.is_set()
    assert await recognised(shared, ANN) == "1001"


async def test_local_people_survive_every_sync(
    platform: FakePlatform, shared: RunningTerminal
) -> None:
    platform.enrol("1002", "Cy", person_jpeg(150))
    platform.delete("1001")
    await shared.parts.upstream.sync.round()
    assert await listed(shared) == ["u1", "1002"]

    await shared.parts.database.run(
        lambda connection: connection.execute("DELETE FROM facts WHERE name = 'cursor'")
    )
    await shared.parts.upstream.sync.round()

    assert await listed(shared) == ["u1", "1002"]
    assert await recognised(shared, BOB) == "u1"


async def test_platform_takes_over_an_id_it_names(
    platform: FakePlatform, shared: RunningTerminal
) -> None:
    platform.enrol("u1", "Robert", person_jpeg(BOB))
    await shared.parts.upstream.sync.round()

    (robert,) = (await shared.call("userList", userId="u1"))["data"]["data"]
    assert (robert["name"], robert["jobNumber"]) == ("Robert", "")
    assert await shared.code("userDelete", user_id="u1") == 20002
    platform.delete("u1")
    await shared.parts.upstream.sync.round()
    assert await listed(shared, userId="u1") == []


async def test_everybody_deleted_in_the_middle_of_a_sync_comes_back(
    platform: FakePlatform, terminal: RunningTerminal
) -> None:
    """The cursor of a page that was asked for before must not count for a library emptied since."""
    platform.page_size = 1
    for number in range(3):
        platform.enrol(f"100{number}", "Somebody", person_jpeg(60 + 30 * number))
    running = asyncio.create_task(terminal.parts.upstream.sync.round())
    await asyncio.to_thread(platform.wait, lambda here: len(here.polls) >= 2)
    await terminal.call("userDelete", user_id="all")
    await running
    await terminal.parts.upstream.sync.round()

    assert sorted(await listed(terminal)) == ["1000", "1001", "1002"]


async def test_new_model_describes_local_people_anew_and_keeps_them_local(
    shared: RunningTerminal,
) -> None:
    await shared.parts.database.run(
        lambda connection: connection.execute("UPDATE people SET contract_id = 'old/1'")
    )
    await shared.parts.upstream.sync.load()
    assert await recognised(shared, BOB) is None

    await shared.parts.upstream.sync.redescribe()

    assert await recognised(shared, BOB) == "u1"
    assert await shared.code("userUpdate", {**PERSON, "name": "Rob"}, user_id="u1") == 200


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"userType": 1}, DoorReason.LOCAL_ALLOWED),
        ({"userType": 3}, DoorReason.KEPT_OUT),
        ({"userType": -1}, DoorReason.KEPT_OUT),
        ({"userType": 2, "startTime": 1, "endTime": 2}, DoorReason.OUTSIDE_VISIT),
        ({"userType": 2, "startTime": 4_000_000_000}, DoorReason.OUTSIDE_VISIT),
        ({"userType": 2, "startTime": 1, "endTime": 4_000_000_000}, DoorReason.LOCAL_ALLOWED),
    ],
)
async def test_local_rule_knows_types_and_times_of_visits(
    start: Starter, more: dict[str, Any], reason: DoorReason
) -> None:
    terminal = await start(top={"decide": "local", "library_max_age_s": 0.0})
    await terminal.call("userAdd", {**PERSON, **more, "photo": photo_of(ANN)})

    decision = await terminal.somebody_comes(ANN)

    assert decision.reason is reason
    assert decision.open_door is (reason is DoorReason.LOCAL_ALLOWED)
