"""Idle terminals are answered in the cheap form, exactly as in full."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devices.models import Site, SiteToken, Terminal
from devices.services import (
    exchanges_last,
    presence_last_seen,
    site_token_rotate,
    terminal_address_replace,
    terminal_change,
    terminal_disable,
)
from devices.services.calls import remembered as remembered_module
from faces.models import Delivery, Library, SyncClock, TerminalCursor
from faces.services import (
    deliveries_send_again,
    person_erase,
    terminal_view_changed,
)
from server_common.process_state import process_state_forget
from terminal_api.answer import TerminalApi
from terminal_api.load import IdleSlots, Priority, Slots
from tests.support.factories import make_terminal
from tests.support.idle_server import InFull, Server
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


UNLIMITED = (1_000_000, 1_000_000)


def test_a_poll_with_nothing_new_is_answered_by_one_statement(
    server: Server, cursor: int, wire: WireClient, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        answer = server.poll(cursor)

    assert answer == {"serviceResponse": {"list": [], "lastQueryTime": cursor}}
    assert (server.status, server.in_full) == ("200 OK", 0)
    assert wire.poll(cursor) == ([], cursor)


def test_it_is_noted_as_in_full(
    server: Server, cursor: int, terminal: Terminal, token: str
) -> None:
    other = Server(token)
    other.use(InFull())
    other.poll(cursor)
    behind = exchanges_last(terminal_id=terminal.pk)[0]

    server.poll(cursor)

    here = exchanges_last(terminal_id=terminal.pk)[0]
    assert here.at > behind.at
    for name in ("kind", "address", "status", "said", "note"):
        assert getattr(here, name) == getattr(behind, name)
    assert here.answered["lastQueryTime"] == cursor
    seen = presence_last_seen([terminal])[terminal.pk]
    assert seen is not None
    assert timezone.now() - seen < timedelta(minutes=1)


def test_a_change_is_told_at_the_next_poll(
    server: Server, cursor: int, library: Library, terminal: Terminal
) -> None:
    person = enrol(library, "2")
    told = server.poll(cursor)["serviceResponse"]
    assert [one["userId"] for one in told["list"]] == ["2"]

    moved = told["lastQueryTime"]
    assert server.poll(moved)["serviceResponse"]["list"] == []
    person_erase(person=person)
    gone = server.poll(moved)["serviceResponse"]

    assert [(one["operation"], one["userId"]) for one in gone["list"]] == [("delete", "2")]


def test_news_are_told_as_in_full(
    server: Server, cursor: int, terminal: Terminal, library: Library, token: str
) -> None:
    other = Server(token, make_terminal(terminal.site, device_id="0000777").device_id)
    theirs = other.poll(0)["serviceResponse"]["lastQueryTime"]
    other.use(InFull())
    person = enrol(library, "2", name="林 <二>", sex=2, remark='"注"', user_type="owner")

    here = server.poll(cursor)["serviceResponse"]
    behind = other.poll(theirs)["serviceResponse"]

    assert server.in_full == 0
    assert here["lastQueryTime"] == behind["lastQueryTime"] == person.sync_stamp
    assert [one["userName"] for one in here["list"]] == ["林 <二>"]
    for one in (*here["list"], *behind["list"]):
        # Signed for one terminal.
        addresses = {one.pop("imageUrl"), one.pop("userImageUrl")}
        assert addresses.pop().startswith("http://testserver/i/")
        assert not addresses
    assert here["list"] == behind["list"]
    rows = Delivery.objects.filter(person=person).order_by("pk")
    assert {(row.state, row.held, row.attempts) for row in rows} == {("sent", True, 1)}
    kept = [exchanges_last(terminal_id=row.terminal_id)[0] for row in rows]
    assert len(kept) == 2
    for name in ("kind", "address", "status", "note"):
        assert getattr(kept[0], name) == getattr(kept[1], name)
    assert TerminalCursor.objects.get(terminal=terminal).issued == person.sync_stamp


def test_news_cost_seven_statements(
    server: Server, cursor: int, library: Library, django_assert_max_num_queries: Any
) -> None:
    enrol(library, "2")
    enrol(library, "3")

    # Two more are the savepoint of the test's own transaction.
    with django_assert_max_num_queries(9):
        told = server.poll(cursor)["serviceResponse"]["list"]

    assert [one["userId"] for one in told] == ["2", "3"]


@pytest.mark.parametrize("page", [1, 2])
def test_pages_of_news_are_told_to_the_end(
    server: Server, cursor: int, library: Library, settings: Any, page: int
) -> None:
    settings.SYNC_PAGE_SIZE = page
    people = [enrol(library, user_id) for user_id in "2345"]

    told: list[str] = []
    for _ in range(4):
        answer = server.poll(cursor)["serviceResponse"]
        told += [one["userId"] for one in answer["list"]]
        cursor = answer["lastQueryTime"]

    assert told == ["2", "3", "4", "5"]
    assert (cursor, server.in_full) == (people[-1].sync_stamp, 0)


def test_news_wait_for_a_slot_and_nothing_is_noted_of_them_without_one(
    token: str, cursor: int, library: Library, terminal: Terminal
) -> None:
    server = Server(token)
    slots = Slots(4, poll_wait_s=0.01)
    server.use(TerminalApi(slots=slots, full=server.fully))
    person = enrol(library, "2")

    with slots.taken(Priority.POLL):
        refused = server.poll(cursor)

    assert refused == {"ret": "50002", "desc": "platform is busy"}
    assert Delivery.objects.get(person=person).state == "pending"
    assert len(server.poll(cursor)["serviceResponse"]["list"]) == 1
    assert server.in_full == 0


def test_a_face_told_again_to_this_terminal_alone_is_told(
    server: Server, cursor: int, terminal: Terminal, token: str
) -> None:
    other = Server(token, make_terminal(terminal.site, device_id="0000777").device_id)
    theirs = other.poll(0)["serviceResponse"]["lastQueryTime"]
    assert deliveries_send_again(deliveries=Delivery.objects.filter(terminal=terminal)) == 1

    told = server.poll(cursor)["serviceResponse"]["list"]
    others = other.poll(theirs)

    assert [one["userId"] for one in told] == ["1"]
    assert others == {"serviceResponse": {"list": [], "lastQueryTime": theirs}}
    assert other.in_full == 1  # its first poll


def test_a_clock_that_others_moved_costs_nothing(
    server: Server, cursor: int, terminal: Terminal, token: str, django_assert_num_queries: Any
) -> None:
    """Each new terminal's first library moves the site's clock; nobody else has to be told."""
    Server(token, make_terminal(terminal.site, device_id="0000777").device_id).poll(0)
    assert SyncClock.objects.get().last_stamp > cursor

    with django_assert_num_queries(1):
        answer = server.poll(cursor)

    assert answer["serviceResponse"] == {"list": [], "lastQueryTime": cursor}
    assert server.in_full == 0


def test_other_libraries_are_a_full_sync(server: Server, cursor: int, terminal: Terminal) -> None:
    terminal_view_changed(terminal=terminal)

    told = server.poll(cursor)["serviceResponse"]["list"]

    assert [one["userId"] for one in told] == ["1"]


@pytest.mark.parametrize("ahead", [1, 10**9])
def test_a_cursor_nobody_gave_out_is_a_full_sync(
    server: Server, cursor: int, terminal: Terminal, ahead: int
) -> None:
    issued = TerminalCursor.objects.get().issued

    told = server.poll(issued + ahead)["serviceResponse"]["list"]

    assert [one["userId"] for one in told] == ["1"]


def test_whoever_may_not_call_is_refused_at_once(
    server: Server, cursor: int, site: Site, terminal: Terminal, token: str
) -> None:
    assert Server("wrong-token").poll(cursor)["ret"] == "10005"

    Site.objects.update(allowed_networks=["10.0.0.0/8"])
    assert server.poll(cursor)["ret"] == "10004"
    Site.objects.update(allowed_networks=["10.0.0.0/8", "127.0.0.0/8"])
    assert "serviceResponse" in server.poll(cursor)

    terminal_change(terminal=terminal, status="disabled")
    assert server.poll(cursor)["ret"] == "10005"
    terminal_change(terminal=terminal, status="pending")
    assert server.poll(cursor)["serviceResponse"] == {"list": [], "lastQueryTime": 0}
    terminal_change(terminal=terminal, status="approved")
    assert len(server.poll(0)["serviceResponse"]["list"]) == 1

    site_token_rotate(site=site, overlap=timedelta(hours=1))
    assert "serviceResponse" in server.poll(0)
    SiteToken.objects.filter(ends_at__isnull=False).update(ends_at=timezone.now())
    assert server.poll(0)["ret"] == "10005"


@pytest.mark.parametrize(
    ("host", "public", "root"),
    [
        ("menjin.example:8000", "", "http://menjin.example:8000/i/"),
        ("door_server:8220", "", "http://door_server:8220/i/"),
        ("door_server:8220", "http://public.example", "http://public.example/i/"),
        # No name of ours, or none at all: the one we know.
        ("elsewhere.example", "", "http://menjin.example/i/"),
        ("elsewhere.example", "http://public.example", "http://public.example/i/"),
        ("door/server", "", "http://menjin.example/i/"),
        ("", "", "http://menjin.example/i/"),
    ],
)
def test_whatever_the_host_people_arrive(
    server: Server, cursor: int, library: Library, settings: Any, host: str, public: str, root: str
) -> None:
    """News in the cheap form, everything in full."""
    settings.ALLOWED_HOSTS = [".example.net", "menjin.example", "door_server"]
    settings.PUBLIC_URL = public
    enrol(library, "2")

    for asked, in_full in ((cursor, 0), (0, 1)):
        entries = server.poll(asked, HTTP_HOST=host)["serviceResponse"]["list"]

        assert {entry["imageUrl"][: len(root)] for entry in entries} == {root}
        assert server.in_full == in_full
    assert server.beat()["ret"] == "0"


def test_a_heartbeat_needs_one_statement_and_then_none(
    server: Server, terminal: Terminal, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        assert server.beat() == {"ret": "0", "desc": "Success"}
    with django_assert_num_queries(0):
        assert server.beat() == {"ret": "0", "desc": "Success"}

    assert server.in_full == 0
    last = exchanges_last(terminal_id=terminal.pk)[0]
    assert (last.kind, last.answered["ret"]) == ("syheartbeat", "0")


def test_a_heartbeat_that_names_the_known_server_is_not_in_full(
    server: Server, terminal: Terminal
) -> None:
    """It names it with its secret (9.5), and what is known of it is masked."""
    body = json.dumps(
        {"Heartinfo": {"deviceid": "1", "ServerURL": f"http://door.example/t/{server.token}"}}
    ).encode()
    Terminal.objects.update(server_url="http://door.example/t/***")

    assert server.beat(body) == {"ret": "0", "desc": "Success"}

    assert server.in_full == 0
    (last,) = exchanges_last(terminal_id=terminal.pk)
    assert server.token not in json.dumps(last.said)


def test_a_terminal_not_on_file_is_entered_in_full(server: Server, site: Site) -> None:
    assert server.beat()["ret"] == "0"

    assert server.in_full == 1
    assert Terminal.objects.get().device_id == "0000001"


def test_a_heartbeat_is_admitted_from_memory_for_a_limited_time(
    server: Server, terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remembered_module, "REMEMBERED_SECONDS", 0.0)
    server.beat()

    terminal_disable(terminal=terminal)

    assert server.beat()["ret"] == "10005"


@pytest.mark.parametrize(
    "shared", [False, pytest.param(True, marks=pytest.mark.redis)], ids=["memory", "redis"]
)
def test_what_is_remembered_ends_when_admission_changes_in_any_process(
    server: Server,
    terminal: Terminal,
    shared: bool,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    """The site's address was answered for two minutes more after a terminal had left it."""
    if not shared:
        settings.REDIS_URL = ""
    own = str(terminal_address_replace(terminal=terminal, overlap=timedelta()).token)
    plain = f"/t/{server.token}/syheartbeat/{terminal.device_id}"
    forms = (plain, plain.replace("/syheartbeat", "//syheartbeat"))
    for form in forms * 2:
        assert server.ask("POST", form, body=b"{}")["ret"] == "0"

    noted = len(exchanges_last(terminal_id=terminal.pk))
    with django_capture_on_commit_callbacks(execute=True):
        assert WireClient(token=own).post("syheartbeat", "{}")["ret"] == "0"
    answers = [server.ask("POST", form, body=b"{}")["ret"] for form in forms]

    assert answers == ["10005", "10005"]
    assert len(exchanges_last(terminal_id=terminal.pk)) <= noted + 1


@pytest.mark.parametrize(
    "body",
    [
        b"{broken",
        b'{"Heartinfo": {"ServerURL": "http://other"}}',
        b"{" * 2000,
    ],
)
def test_an_odd_heartbeat_is_read_in_full(server: Server, terminal: Terminal, body: bytes) -> None:
    server.beat()
    before = server.in_full

    answer = server.beat(body)

    assert server.in_full == before + 1
    assert answer == WireClient(token=server.token).post("syheartbeat", body.decode())


@pytest.mark.parametrize("named", ["", "0000001", "another"])
def test_a_heartbeat_that_names_another_device_is_noted(
    server: Server, terminal: Terminal, named: str
) -> None:
    body = json.dumps({"Heartinfo": {"deviceid": named, "ServerURL": ""}})
    expected = {"faults": ["device_id_differs"]} if named == "another" else {}

    server.beat(body.encode())
    assert server.in_full == 0
    assert exchanges_last(terminal_id=terminal.pk)[0].note == expected

    WireClient(token=server.token).post("syheartbeat", body)
    assert exchanges_last(terminal_id=terminal.pk)[0].note == expected


def test_calling_too_often_is_told(
    server: Server, cursor: int, terminal: Terminal, settings: Any
) -> None:
    settings.TERMINAL_RATE = (1, 3)
    terminal = make_terminal(terminal.site, device_id="0000777")
    server.device_id = terminal.device_id
    cursor = server.poll(0)["serviceResponse"]["lastQueryTime"]

    statuses = [server.poll(cursor) and server.status[:3] for _ in range(5)]

    assert statuses == ["200", "200", "503", "503", "503"]
    assert server.headers["Retry-After"] == "10"
    assert server.in_full == 1


def test_when_there_is_no_room_they_are_told_to_come_again(
    token: str, cursor: int, terminal: Terminal
) -> None:
    """In full the same answer costs more, so that would be no help."""
    server = Server(token)
    none = IdleSlots(at_once=0, waiting=0)
    server.use(TerminalApi(idle_slots=none, full=server.fully))

    for answer in (server.poll(cursor), server.beat()):
        assert answer == {"ret": "50002", "desc": "platform is busy"}
        assert server.status == "503 Service Unavailable"
        assert 5 <= int(server.headers["Retry-After"]) <= 15
    assert server.in_full == 0


def test_a_connection_that_broke_off_is_opened_anew_in_full(
    server: Server, cursor: int, terminal: Terminal
) -> None:
    def broken(*_: Any) -> Any:
        raise connection.Database.OperationalError("server closed the connection")

    with connection.execute_wrapper(broken):
        answer = server.poll(cursor)

    assert answer["ret"] == "50002"
    assert server.in_full == 1


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=st.sampled_from(["syrecord", "syheartbeat", "syface"]),
    device_id=st.sampled_from(["0000001", "0000001/", "+1", "a b", "x" * 33, "", "%30"]),
    query=st.sampled_from(["", "lastQueryTime=", "lastQueryTime=0", "lastQueryTime=-1",
                           "lastQueryTime=9&lastQueryTime=0", "a=b", "lastQueryTime=" + "9" * 30]),
    method=st.sampled_from(["GET", "POST", "HEAD", "PUT"]),
    body=st.sampled_from([b"", b"{}", b"null", b"\xff", b'{"Heartinfo": {}}']),
)  # fmt: skip
def test_every_request_is_answered_as_in_full(
    token: str, terminal: Terminal, kind: str, device_id: str, query: str, method: str, body: bytes
) -> None:
    here, behind = Server(token), Server(token)
    behind.use(InFull())
    with override_settings(TERMINAL_RATE=UNLIMITED, ADDRESS_RATE=UNLIMITED):
        _compare(here, behind, kind, device_id, query, method, body)


def _compare(
    here: Server, behind: Server, kind: str, device_id: str, query: str, method: str, body: bytes
) -> None:
    token = here.token
    path = f"/t/{token}/{kind}/{device_id}"
    answers = []
    for one in (here, behind):
        process_state_forget()
        one.ask("POST", f"/t/{token}/syheartbeat/0000001", body=b"{}")
        if method == "HEAD":
            continue
        answers.append((one.ask(method, path, query=query, body=body), one.status))

    if method != "HEAD":
        (first, status), (second, other) = answers
        if "serviceResponse" in first:
            first["serviceResponse"].pop("lastQueryTime")
            second["serviceResponse"].pop("lastQueryTime")
        assert (first, status) == (second, other)
