"""``/api/v1/records/``: what terminals reported, as it came over the wire."""

import base64
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image
from rest_framework.test import APIClient

from devices.models import Site
from records.models import Record
from tests.support.factories import make_library, make_person, make_terminal, wire_of
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

RECORDS = "/api/v1/records/"


def get_picture(caller: APIClient, url: str, **headers: str) -> tuple[int, bytes, Any]:
    """Return status, content and headers of a picture's address."""
    response: Any = caller.get(url, **headers)
    content = b"".join(response.streaming_content) if response.streaming else response.content
    return response.status_code, content, response.headers


@pytest.fixture
def passed(manager: APIClient, world: World, portraits: dict[str, Path]) -> dict[str, Any]:
    """Let a resident pass at a door of our enforcing site; return the record as REST shows it."""
    manager.patch(
        f"/api/v1/sites/{world.ours.site.pk}/", {"verification": "enforce"}, format="json"
    )
    library = make_library(world.ours.site)
    make_person(
        world.ours.site,
        user_id="111222",
        name="李二壮",
        libraries=[library],
        photo=portraits["obama.jpg"],
    )
    terminal = make_terminal(world.ours.site, device_id="17", libraries=[library.pk])
    Site.objects.filter(pk=world.ours.site.pk).update(late_passes="lenient")
    answer = wire_of(terminal).post(
        "syface",
        {
            "userId": "111222",
            "userName": "李二壮",
            "userType": "student",
            "temperature": "36.5",
            "mask": True,
            "screenTime": 1487295360,
            "similarity": 88,
            "actionCode": 1,
            "openCode": 7,
            "camType": "GATE",
            "img": base64.b64encode(portraits["obama2.jpg"].read_bytes()).decode(),
        },
    )
    assert answer["openDoor"] == 1
    rows = manager.get(RECORDS, {"device_id": "17"}).json()["results"]
    assert len(rows) == 1
    return dict(rows[0])


def test_a_pass_shows_exactly_what_is_agreed(passed: dict[str, Any], world: World) -> None:
    assert set(passed) == {
        "id", "kind", "site", "device_id", "user_id", "user_name", "user_type", "origin",
        "captured_at",
        "received_at", "clock_skew_s", "is_late", "late_s", "repeats", "repeated_at",
        "temperature_c", "mask", "similarity", "verification",
        "door_opened", "unlock_delay_ms", "reason", "reason_text", "open_code", "open_message",
        "action_code", "action", "uuid_label", "nation_code", "id_card_name", "extras",
        "picture_url", "picture_waits", "faults", "not_this_person", "trace",
    }  # fmt: skip
    assert (passed["kind"], passed["device_id"], passed["site"]) == (
        "pass",
        "17",
        world.ours.site.pk,
    )
    assert (passed["user_id"], passed["user_name"], passed["user_type"]) == (
        "111222",
        "李二壮",
        "student",
    )
    assert (passed["open_code"], passed["action_code"]) == (7, 1)
    assert (passed["door_opened"], passed["reason"], passed["reason_text"]) == (
        True,
        "allowed",
        "Allowed",
    )
    assert passed["extras"] == {"camType": "GATE"}
    assert passed["faults"] == ["clock_skew"]
    assert passed["mask"] is True


def test_numbers_are_numbers_and_moments_are_utc(passed: dict[str, Any]) -> None:
    assert (type(passed["temperature_c"]), passed["temperature_c"]) == (float, 36.5)
    assert passed["similarity"] == 88
    assert isinstance(passed["similarity"], float)
    assert passed["verification"]["result"] == "match"
    assert 60 <= passed["verification"]["score"] <= 100
    # 1487295360 on the terminal's clock.
    assert datetime.fromisoformat(passed["captured_at"]) == datetime(2017, 2, 17, 1, 36, tzinfo=UTC)
    assert passed["captured_at"].endswith("Z")
    assert passed["received_at"].endswith("Z")
    age = datetime.now(UTC) - datetime.fromisoformat(passed["received_at"])
    assert timedelta() <= age < timedelta(minutes=1)


def test_what_was_not_said_is_null_and_not_zero(manager: APIClient, world: World) -> None:
    terminal = make_terminal(world.ours.site, device_id="17")
    wire_of(terminal).post("syattribute", {"temperature": "36.5", "screenTime": 1})

    row = manager.get(RECORDS, {"kind": "temperature"}).json()["results"][0]

    assert row["temperature_c"] == 36.5
    assert row["verification"] == {"result": "off", "score": None}
    for name in ("mask", "similarity", "open_code", "action_code", "picture_url"):
        assert row[name] is None
    assert (row["door_opened"], row["reason"]) == (False, "not_a_pass")


def test_the_picture_is_for_those_who_may_see_the_record(
    manager: APIClient, guard: APIClient, outsider: APIClient, passed: dict[str, Any]
) -> None:
    url = passed["picture_url"]
    assert url == f"http://testserver{RECORDS}{passed['id']}/picture/"

    for caller in (manager, guard):
        status, content, headers = get_picture(caller, url)
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        assert Image.open(io.BytesIO(content)).format == "JPEG"
    assert outsider.get(url).status_code == 403
    assert APIClient().get(url).status_code == 401


def test_a_picture_is_not_sent_twice_to_who_has_it(
    manager: APIClient, passed: dict[str, Any]
) -> None:
    url = passed["picture_url"]
    _, _, headers = get_picture(manager, url)
    etag = headers["ETag"]

    for known in (etag, f"W/{etag}", f'"other", {etag}'):
        status, content, again = get_picture(manager, url, HTTP_IF_NONE_MATCH=known)
        assert (status, content, again["ETag"]) == (304, b"", etag)
    assert get_picture(manager, url, HTTP_IF_NONE_MATCH='"other"')[0] == 200
    # Faces stay out of caches that other people use.
    assert "private" in headers["Cache-Control"]


@pytest.mark.parametrize("accept", ["image/jpeg", "image/*", "application/json", "text/html", "x"])
def test_a_picture_comes_whatever_is_accepted(
    manager: APIClient, passed: dict[str, Any], accept: str
) -> None:
    assert get_picture(manager, passed["picture_url"], HTTP_ACCEPT=accept)[0] == 200


def test_a_picture_that_is_not_there_is_not_found(
    manager: APIClient, world: World, passed: dict[str, Any]
) -> None:
    terminal = make_terminal(world.ours.site)
    wire_of(terminal).post("syattribute", {"temperature": "36.5", "screenTime": 1})
    bare = manager.get(RECORDS, {"device_id": terminal.device_id}).json()["results"][0]
    picture = Record.objects.get(pk=passed["id"]).picture
    assert picture is not None
    default_storage.delete(str(picture.image.name))

    for path in (f"{RECORDS}{bare['id']}/picture/", passed["picture_url"]):
        response = manager.get(path, HTTP_ACCEPT="image/jpeg")
        assert (response.status_code, response.json()["error"]) == (404, "not_found")


def test_an_id_card_is_not_shown(manager: APIClient, world: World) -> None:
    terminal = make_terminal(world.ours.site)
    wire_of(terminal).post(
        "syface",
        {
            "userId": "1",
            "screenTime": 1,
            "idCardInfo": {"name": "张三", "id": "11010519491231002X", "address": "SECRET"},
        },
    )

    response = manager.get(RECORDS, {"device_id": terminal.device_id})

    assert response.json()["results"][0]["id_card_name"] == "张三"
    assert b"11010519491231002X" not in response.content
    assert b"SECRET" not in response.content


def test_records_are_found(root: APIClient, manager: APIClient, world: World) -> None:
    wire = wire_of(make_terminal(world.ours.site, device_id="17"))
    wire.post("syface", {"userId": "7", "screenTime": 1})
    wire.post("syattribute", {"temperature": "36.5", "screenTime": 2})
    newest, older = Record.objects.filter(terminal__device_id="17").order_by("-id")
    ours, theirs = world.ours.record.pk, world.theirs.record.pk

    def found(caller: APIClient = manager, **query: Any) -> list[int]:
        answer = caller.get(RECORDS, query)
        assert answer.status_code == 200
        return [row["id"] for row in answer.json()["results"]]

    assert found() == [newest.pk, older.pk, ours]
    assert found(device_id="17") == [newest.pk, older.pk]
    assert found(user_id="7") == [older.pk]
    assert found(kind="temperature") == [newest.pk]
    assert found(kind="pass", device_id="17") == [older.pk]
    assert found(id_after=older.pk) == [newest.pk]
    assert found(since=newest.received_at.isoformat()) == [newest.pk]
    assert found(until=older.received_at.isoformat()) == [ours]
    assert found(door_opened="true") == []
    assert found(root, site=world.theirs.site.pk) == [theirs]


@pytest.mark.parametrize(
    "since",
    [
        "2020-01-01T00:00:00Z",
        "2020-01-01T00:00:00.5+08:00",
        "2020-01-01 00:00",
        "0001-01-01T00:00:00Z",
    ],
)
def test_since_is_any_moment_of_iso_8601(manager: APIClient, world: World, since: str) -> None:
    assert manager.get(RECORDS, {"since": since}).json()["count"] == 1


@pytest.mark.parametrize("since", ["2099-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_nothing_is_newer_than_the_future(manager: APIClient, world: World, since: str) -> None:
    assert manager.get(RECORDS, {"since": since}).json()["count"] == 0


@pytest.mark.parametrize(
    "query",
    [
        {"since": "yesterday"},
        {"since": "2026-02-30T00:00:00Z"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"until": "9999-12-31T23:59:59-14:00"},
        {"kind": "visit"},
        {"id_after": "x"},
        {"id_after": "-1e999999"},
        {"site": "1e5"},
        {"user_id": "\x00"},
    ],
)
def test_odd_filters_are_refused(manager: APIClient, query: dict[str, str]) -> None:
    response = manager.get(RECORDS, query)

    assert response.status_code == 400
    assert set(response.json()["fields"]) == set(query)


def test_nobody_writes_records(root: APIClient, world: World) -> None:
    path = f"{RECORDS}{world.ours.record.pk}/"

    assert root.post(RECORDS, {}, format="json").status_code == 405
    for method in ("put", "patch", "delete"):
        assert getattr(root, method)(path, {}, format="json").status_code == 405
        assert getattr(root, method)(f"{path}picture/", {}, format="json").status_code == 405


def test_a_page_takes_the_same_queries_whatever_its_length(
    manager: APIClient, world: World
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(RECORDS).status_code == 200
        return len(captured)

    few = queries()
    for number in range(6):
        wire = wire_of(make_terminal(world.ours.site))
        wire.post("syface", {"userId": str(number), "screenTime": 1})

    assert queries() == few
    assert manager.get(RECORDS).json()["count"] == 7
