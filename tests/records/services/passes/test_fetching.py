"""Records fetched from a terminal: each pass once, by whatever way and in whatever order."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import RepairCount, Terminal
from faces.models import Library
from records.choices import AlertKind, AlertState, Origin, RecordKind
from records.models import Alert, Record, RecordCursor
from records.services import sign_store
from records.services.passes import passes
from tests.support.factories import api_of, make_site, make_user
from tests.support.people import enrol
from tests.support.pulled_records import pull
from tests.support.signs import picture, sign, upload_of
from tests.support.terminal_api import TerminalServer
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HOUR_MS = 3_600_000
CASES = Path(__file__).parents[3] / "menjin" / "raw_cases"


@pytest.fixture
def by_upload(token: str, gate: Terminal) -> WireClient:
    return WireClient(token=token, device_id=gate.device_id)


def test_missed_passes_are_fetched_with_everything_they_say(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    person = enrol(library, "1001")
    door.state.records = [sign(7, ago_s=600)]

    command = pull(gate)

    assert (command.state, command.result) == ("done", {"read": 1, "new": 1})
    record = Record.objects.get()
    assert (record.kind, record.origin, record.reason) == ("pass", "fetched", "fetched")
    assert (record.person, record.user_id, record.user_name) == (person, "1001", "Barack Obama")
    assert (str(record.temperature_c), record.mask, record.similarity) == ("36.40", True, 88)
    assert record.captured_at == datetime.fromtimestamp(door.state.records[0]["signTime"], UTC)
    assert record.picture is not None
    assert record.extras["record_id"] == 7
    assert not record.door_opened
    assert record.faults == []


def test_an_alert_of_what_was_fetched_says_how_late_it_is(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.records = [sign(7, ago_s=7200, temperature=38.9)]

    pull(gate)

    assert 7190 < Alert.objects.get().facts["late_s"] < 7300


def test_a_stranger_is_a_reading(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [sign(8, user_id="", ago_s=60)]

    pull(gate)

    record = Record.objects.get()
    assert (record.kind, record.user_id, record.person) == (RecordKind.TEMPERATURE, "", None)


def test_fetching_twice_stores_nothing_twice(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [sign(number, ago_s=number * 7) for number in range(1, 31)]

    assert pull(gate).result == {"read": 30, "new": 30}
    again = pull(gate)

    assert again.result["new"] == 0
    assert again.result["read"] == 30  # within the overlap, all of them
    assert Record.objects.count() == 30


@pytest.mark.parametrize("img", [None, picture(33)])
@pytest.mark.parametrize("user_id", ["1001", "0009"])
def test_what_was_uploaded_is_not_fetched(
    gate: Terminal, door: TerminalServer, by_upload: WireClient, img: str | None, user_id: str
) -> None:
    """Also when the terminal keeps the picture in another encoding than it uploads."""
    one = sign(3, ago_s=30, user_id=user_id)
    by_upload.post("syface", upload_of(one, img=img))
    door.state.records = [one]

    assert pull(gate).result == {"read": 1, "new": 0}
    assert Record.objects.get().origin == Origin.UPLOADED


def test_an_upload_takes_the_place_of_what_was_fetched(
    gate: Terminal, door: TerminalServer, by_upload: WireClient, library: Library
) -> None:
    enrol(library, "1001")
    hot = sign(3, ago_s=30, temperature=38.4)
    door.state.records = [hot]
    pull(gate)
    assert Alert.objects.get().kind == AlertKind.HIGH_TEMPERATURE

    answer = by_upload.post("syface", upload_of(hot, img=picture(5)))

    record = Record.objects.get()
    assert (record.origin, record.reason, answer["openDoor"]) == ("uploaded", "fever", 0)
    alert = Alert.objects.get()
    assert (alert.record, alert.state) == (record, AlertState.ACTIVE)
    # Its answer is the same when it is repeated, and nothing more is stored.
    assert by_upload.post("syface", upload_of(hot, img=picture(5))) == answer
    assert pull(gate).result["new"] == 0
    assert Record.objects.count() == 1


def test_live_screens_are_told_what_an_upload_took_the_place_of(
    gate: Terminal, door: TerminalServer, by_upload: WireClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the wall shows one pass twice: as the terminal told it and as the platform decided."""
    told: list[dict[str, Any]] = []
    monkeypatch.setattr(
        passes, "group_send_on_commit", lambda _, message: told.append(message["record"])
    )
    pushed = sign(3, ago_s=30)
    sign_store(terminal=gate, sign=pushed, origin=Origin.PUSHED)

    by_upload.post("syface", upload_of(pushed, img=picture(5)))

    first, second = told
    assert (first["replaces"], second["replaces"]) == ([], [first["id"]])


def test_what_was_pushed_is_found_under_its_former_number(
    gate: Terminal, by_upload: WireClient
) -> None:
    """The wall asked for pictures that were gone with the pushed record."""
    pushed = sign(3, ago_s=30)
    sign_store(terminal=gate, sign=pushed, origin=Origin.PUSHED)
    former = Record.objects.get().pk
    by_upload.post("syface", upload_of(pushed, img=picture(5)))
    record = Record.objects.get()
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    stranger = Client()
    stranger.force_login(make_user(make_site(), is_staff=True))

    assert record.pk != former
    shown = reverse("console:record-picture", args=[former])
    assert (
        client.get(shown).content
        == client.get(reverse("console:record-picture", args=[record.pk])).content
    )
    assert (
        api_of(User.objects.get(username="root")).get(f"/api/v1/records/{former}/").json()["id"]
        == record.pk
    )
    page = reverse("admin:records_record_change", args=[former])
    assert client.get(page).status_code == 200
    assert stranger.get(shown).status_code == 404
    assert stranger.get(page).status_code != 200
    record.delete()
    assert client.get(shown).status_code == 404


def test_two_people_in_one_second_are_two_passes(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [
        sign(1, user_id="a", ago_s=9),
        sign(2, user_id="b", ago_s=9),
        sign(3, user_id="", ago_s=9),
        sign(4, user_id="", ago_s=8),
    ]

    assert pull(gate).result["new"] == 4


def test_what_is_odd_about_a_record_does_not_lose_it(gate: Terminal, door: TerminalServer) -> None:
    odd = sign(5, ago_s=5, temperature=400, signAvatar="%%%", similarity="x", wearMask="?")
    door.state.records = [odd]

    assert pull(gate).result["new"] == 1
    record = Record.objects.get()
    assert set(record.faults) == {
        "temperature_out_of_range",
        "image_not_base64",
        "similarity_unreadable",
        "mask_unreadable",
    }
    assert record.extras["temperature"] == 400
    assert pull(gate).result["new"] == 0


def test_a_record_without_a_moment_is_stored_once(gate: Terminal) -> None:
    one = sign(5)
    del one["signTime"]

    assert sign_store(terminal=gate, sign=one, origin=Origin.PUSHED)
    assert not sign_store(terminal=gate, sign=one, origin=Origin.PUSHED)


@pytest.mark.slow
@pytest.mark.parametrize("says", ["totalPage", "total", "pageSize", ""])
def test_a_list_is_read_to_its_end_whatever_is_said_of_totals(
    gate: Terminal, door: TerminalServer, says: str
) -> None:
    """Without "total" ten of twenty-five were read, and the position moved past the others."""
    door.state.records = [sign(number, ago_s=number * 7) for number in range(1, 26)]
    door.state.say_page = lambda data: {
        key: value for key, value in data.items() if key in ("data", says)
    }

    assert pull(gate).result == {"read": 25, "new": 25}


def test_the_case_of_a_page_without_total(gate: Terminal, door: TerminalServer) -> None:
    case = json.loads((CASES / "doubt-pull-page-without-total.json").read_text())

    async def pages(request: web.Request) -> web.Response | None:
        if request.path != "/api/record":
            return None
        page = int(request.query["page"])
        shown = [
            {**one, "id": one["id"] + page * 10, "signTime": one["signTime"] + page * 10}
            for one in case["data"]["data"][: 5 if page == 3 else 10]
        ]
        if page > 3:
            return web.json_response({"code": 50008, "message": "Search List Null", "desc": ""})
        data = {**case["data"], "data": shown, "pageNum": page, "size": len(shown)}
        return web.json_response({**case, "data": data})

    door.state.temper = pages

    assert pull(gate).result == {"read": 25, "new": 25}
    assert set(Record.objects.values_list("temperature_c", flat=True)) == {Decimal("38.61")}


def test_a_page_that_broke_off_moves_nothing(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [sign(number, ago_s=number * 7) for number in range(1, 6)]

    async def half(request: web.Request) -> web.Response | None:
        if request.path != "/api/record":
            return None
        body = json.dumps({"code": 200, "data": {"data": door.state.records}})
        return web.Response(text=body[: len(body) // 2], content_type="application/json")

    door.state.temper = half

    assert pull(gate).state == "unknown"
    assert not RecordCursor.objects.exists()
    door.state.temper = None
    assert pull(gate).result == {"read": 5, "new": 5}


@pytest.mark.parametrize(
    "written",
    [
        lambda text: text.encode()[:-1] + b",}",
        lambda text: text.encode() + b"\x00\x00",
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("Obama", "奥巴马").encode("gbk"),
    ],
    ids=["trailing comma", "NUL", "BOM", "GBK"],
)
def test_an_answer_is_read_as_tolerantly_as_an_upload(
    gate: Terminal, door: TerminalServer, written: Callable[[str], bytes]
) -> None:
    one = sign(1, ago_s=60)
    data = {"total": 1, "pageNum": 1, "size": 1, "pageSize": 10, "totalPage": 1, "data": [one]}
    text = json.dumps({"code": 200, "message": "OK", "desc": "", "data": data}, ensure_ascii=False)

    async def odd(request: web.Request) -> web.Response | None:
        is_list = request.path == "/api/record"
        return web.Response(body=written(text)) if is_list else None

    door.state.temper = odd

    assert pull(gate).result == {"read": 1, "new": 1}
    assert Record.objects.get().user_name in {"Barack Obama", "Barack 奥巴马"}


def test_a_list_whose_size_is_that_of_a_page_is_read_to_its_end(
    gate: Terminal, door: TerminalServer
) -> None:
    """Its last page seemed to lack entries: `bad_answer`, each time anew."""
    door.state.records = [sign(number, ago_s=number * 7) for number in range(1, 26)]
    door.state.say_page = lambda data: {**data, "size": data["pageSize"]}

    assert pull(gate).result == {"read": 25, "new": 25}
    assert RecordCursor.objects.exists()


def test_an_entry_that_is_no_record_holds_up_no_other(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [sign(1, ago_s=60), sign(2, ago_s=120)]
    door.state.say_page = lambda data: {**data, "size": 4, "data": ["?", *data["data"], None]}

    assert pull(gate).result == {"read": 2, "new": 2}
    assert RepairCount.objects.get().kind == "record_unreadable"


def test_fetching_goes_on_where_it_ended(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [sign(1, ago_s=3600 * 20)]
    pull(gate)
    RecordCursor.objects.update(fetched_at=timezone.now() - timedelta(hours=5))
    RecordCursor.objects.update(fetched_until=timezone.now() - timedelta(hours=5))
    door.state.records += [sign(2, ago_s=3600 * 4), sign(3, ago_s=3600 * 9)]

    assert pull(gate).result == {"read": 1, "new": 1}
    since = (timezone.now() - timedelta(hours=10)).isoformat()
    assert pull(gate, since=since).result == {"read": 2, "new": 1}


@pytest.mark.parametrize("offset_ms", [-30 * HOUR_MS, 30 * HOUR_MS])
def test_the_terminals_own_time_is_asked_for(
    gate: Terminal, door: TerminalServer, offset_ms: int
) -> None:
    door.state.clock_offset_ms = offset_ms
    one = sign(1)
    one["signTime"] += offset_ms // 1000
    door.state.records = [one]

    assert pull(gate).state == "done"
    assert Record.objects.count() == 1


def test_a_clock_set_back_hides_no_record(gate: Terminal, door: TerminalServer) -> None:
    door.state.clock_offset_ms = 5 * HOUR_MS
    pull(gate)
    RecordCursor.objects.update(fetched_at=timezone.now() - timedelta(hours=1))
    door.state.clock_offset_ms = 0
    door.state.records = [sign(1, ago_s=1800)]

    pull(gate)

    assert Record.objects.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_the_same_pass_fetched_pushed_and_uploaded_at_once_is_one_record(
    gate: Terminal, token: str
) -> None:
    passes = [sign(number, ago_s=number * 10) for number in range(12)]
    failures: list[BaseException] = []
    start = threading.Barrier(3)

    def run(work: Callable[[dict[str, Any]], Any]) -> None:
        try:
            for one in passes:
                start.wait(20)
                work(one)
        except BaseException as error:
            failures.append(error)
            start.abort()
        finally:
            connection.close()

    terminal = Terminal.objects.select_related("site").get(pk=gate.pk)
    wire = WireClient(token=token, device_id=gate.device_id)
    threads = [
        threading.Thread(target=run, args=(work,))
        for work in (
            # The same picture by all ways: its row is one more thing they meet at.
            lambda one: wire.post("syface", upload_of(one)),
            lambda one: sign_store(terminal=terminal, sign=one, origin=Origin.FETCHED),
            lambda one: sign_store(terminal=terminal, sign=one, origin=Origin.PUSHED),
        )
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert failures == []
    assert Record.objects.count() == len(passes)
    assert set(Record.objects.values_list("origin", flat=True)) == {Origin.UPLOADED}


def waits_for_a_lock() -> bool:
    """Tell whether somebody else waits for a lock in this database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool(cursor.fetchone()[0])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_upload_first", [True, False])
@pytest.mark.parametrize("img", [None, picture(222)], ids=["same-picture", "other-picture"])
def test_two_ways_of_one_pass_wait_for_each_other(
    gate: Terminal, token: str, img: str | None, *, is_upload_first: bool
) -> None:
    """Foreign keys are checked at the commit, so an insert alone held nobody back: of a pass that
    was pushed while its upload was being stored two records stayed.
    """
    one = sign(1)
    terminal = Terminal.objects.select_related("site").get(pk=gate.pk)
    ways: list[Callable[[], Any]] = [
        lambda: WireClient(token=token, device_id=gate.device_id).post(
            "syface", upload_of(one, img=img)
        ),
        lambda: sign_store(terminal=terminal, sign=one, origin=Origin.PUSHED),
    ]
    first, second = ways if is_upload_first else reversed(ways)

    def come_second() -> None:
        second()
        connection.close()

    other = threading.Thread(target=come_second)
    with transaction.atomic():
        first()
        other.start()
        deadline = time.monotonic() + 20
        while other.is_alive() and not waits_for_a_lock():
            assert time.monotonic() < deadline
        assert other.is_alive(), "it did not wait"
    other.join(20)

    assert Record.objects.get().origin == Origin.UPLOADED
