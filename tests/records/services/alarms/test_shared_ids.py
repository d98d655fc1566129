"""Two terminals that use one device ID raise an alarm, with what told them apart."""

import random
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import override

from devices.models import Site, Terminal
from devices.services import presence_flush
from faces.models import Library
from records.choices import AlertKind, AlertState
from records.models import Alert
from records.services import alert_acknowledge, alert_clear, shared_ids_watch
from records.words import shared_id_words
from terminal_api.answer import TerminalApi
from terminal_api.wsgi import TerminalApiWsgi
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

A, B, C = "10.0.0.1", "10.0.0.2", "10.0.0.3"


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)], autouse=True)
def store(request: pytest.FixtureRequest, settings: Any) -> None:
    """Let the platform be one process, or several with Redis."""
    if request.param == "memory":
        settings.REDIS_URL = ""


def beat(wire: WireClient, *addresses: str, server: str = "") -> None:
    for address in addresses:
        wire.client.post(
            f"{wire.base}/syheartbeat/{wire.device_id}",
            {"Heartinfo": {"deviceid": wire.device_id, "ServerURL": server}},
            content_type="application/json",
            REMOTE_ADDR=address,
        )


def alarms() -> list[Alert]:
    """Let the sweeps run and return the alarms on shared IDs that are not cleared."""
    presence_flush()
    shared_ids_watch()
    rows = Alert.objects.filter(kind=AlertKind.SHARED_ID).exclude(state=AlertState.CLEARED)
    return list(rows)


def words(alert: Alert) -> str:
    return shared_id_words(alert.facts)


def test_addresses_in_turns_alarm_once_and_say_which(wire: WireClient, terminal: Terminal) -> None:
    beat(wire, A, B, A, B)
    (alert,) = alarms()
    beat(wire, A, B, A, B)

    assert alarms() == [alert]
    assert alert.terminal == terminal
    assert words(alert) == (
        "Two different terminals call themselves 0000001: "
        f"called in turns from {A} and {B}"
    )  # fmt: skip
    with override("zh-hans"):
        assert "两台" in words(alert)


def test_a_terminal_that_moved_is_one(wire: WireClient, terminal: Terminal) -> None:
    beat(wire, A, A, B, B, B)

    assert alarms() == []


def test_a_nat_with_many_addresses_is_one(wire: WireClient, terminal: Terminal) -> None:
    chance = random.Random(5)
    pool = [f"198.51.100.{number}" for number in range(8)]
    beat(wire, *pool)
    assert alarms() == []

    for _ in range(60):
        beat(wire, *chance.choices(pool, k=6))
        assert alarms() == []


def test_many_terminals_behind_one_address_are_many(
    wire: WireClient, terminal: Terminal, token: str
) -> None:
    others = [WireClient(token=token, device_id=str(number)) for number in range(2, 6)]
    for _ in range(4):
        for one in (wire, *others):
            beat(one, A)

    assert alarms() == []


def test_two_proxies_before_all_terminals_are_no_two_terminals(
    wire: WireClient, terminal: Terminal, token: str
) -> None:
    """Nobody entered them as trusted, so every terminal seems to call from both."""
    others = [WireClient(token=token, device_id=str(number)) for number in (2, 3)]
    for address in (A, B, A, B, A):
        for one in (wire, *others):
            beat(one, address)
        presence_flush()

    assert alarms() == []


def test_cursors_that_go_back_and_forth_alarm(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1")
    wire.sync()
    old = wire.cursor
    enrol(library, "2")
    wire.sync()
    new = wire.cursor
    for cursor in (new, old, new, old, new):
        wire.poll(cursor)

    (alert,) = alarms()

    assert words(alert).endswith(f"asked for people in turns since {old} and since {new}")


def test_the_fast_way_notes_cursors_as_well(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1")
    wire.sync()
    old = wire.cursor
    enrol(library, "2")
    wire.sync()

    def never(*_: object) -> Any:
        raise AssertionError("the poll was answered in full")

    front = TerminalApiWsgi(never, api=TerminalApi(full=never))
    # The newer one is quiet, the older one has news.
    for cursor in (wire.cursor, old) * 3:
        environ = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": f"{wire.base}/syrecord/{wire.device_id}",
            "QUERY_STRING": f"lastQueryTime={cursor}",
            "REMOTE_ADDR": A,
            "HTTP_HOST": "testserver",
        }
        assert front(environ, lambda *_: None)

    assert len(alarms()) == 1


def test_lost_answers_and_a_factory_reset_are_one_terminal(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    for number in range(4):
        enrol(library, str(number))
        wire.poll()
        wire.sync()
        wire.poll()
    wire.cursor = 0
    wire.sync()
    for _ in range(3):
        wire.poll()

    assert alarms() == []


def upload(wire: WireClient, label: str, moment: int) -> None:
    wire.post(
        "syface",
        {
            "userId": "1",
            "userName": "n",
            "deviceid": wire.device_id,
            "uuid": label,
            "screenTime": moment,
            "similarity": 80,
        },
    )


@pytest.mark.parametrize(
    ("labels", "is_alarm"),
    [(["SY001", "SY002"] * 2, True), (["SY001", "SY001", "SY002", "SY002"], False)],
)
def test_labels_in_turns_alarm(
    wire: WireClient, terminal: Terminal, labels: list[str], is_alarm: bool
) -> None:
    begun = int(timezone.now().timestamp())
    for number, label in enumerate(labels):
        upload(wire, label, begun - number)

    found = alarms()

    assert bool(found) is is_alarm
    assert all("device number in turns" in words(one) for one in found)


def test_servers_in_turns_alarm(wire: WireClient, terminal: Terminal) -> None:
    for server in ("http://10.1.0.1", "http://10.2.0.1") * 2:
        beat(wire, A, server=server)

    (alert,) = alarms()

    assert "server in turns" in words(alert)


def test_it_ends_by_itself_when_one_of_them_is_gone(wire: WireClient, terminal: Terminal) -> None:
    beat(wire, A, B, A, B)
    (alert,) = alarms()

    shared_ids_watch(now=timezone.now() + timedelta(minutes=10))
    alert.refresh_from_db()
    still = alert.state
    shared_ids_watch(now=timezone.now() + timedelta(minutes=20))
    alert.refresh_from_db()

    assert (still, alert.state, alert.cleared_by) == ("active", AlertState.CLEARED, None)


def test_an_acknowledged_one_stays_acknowledged_and_ends_by_itself(
    wire: WireClient, terminal: Terminal, admin_user: User
) -> None:
    beat(wire, A, B, A, B)
    (alert,) = alarms()
    alert_acknowledge(alert=alert, user=admin_user)
    beat(wire, A, B, A, B)

    (again,) = alarms()
    shared_ids_watch(now=timezone.now() + timedelta(hours=1))
    alert.refresh_from_db()

    assert (again, again.state) == (alert, AlertState.ACKNOWLEDGED)
    assert alert.state == AlertState.CLEARED


def test_a_cleared_one_is_raised_again_by_new_turns_only(
    wire: WireClient, terminal: Terminal, admin_user: User
) -> None:
    beat(wire, A, B, A, B)
    (alert,) = alarms()
    alert_clear(alert=alert, user=admin_user)

    beat(wire, A)
    quiet = alarms()
    beat(wire, B, A, B)

    assert quiet == []
    assert len(alarms()) == 1


def test_a_disabled_terminal_raises_none(wire: WireClient, terminal: Terminal) -> None:
    beat(wire, A, B, A, B)
    Terminal.objects.update(status="disabled")

    assert alarms() == []


def test_two_that_wait_for_approval_are_told_apart(wire: WireClient, site: Site) -> None:
    Site.objects.update(auto_approve=False)
    beat(wire, A, B, A, B)

    (alert,) = alarms()

    assert alert.terminal is not None
    assert alert.terminal.status == "pending"


def test_a_call_writes_no_row_for_it(
    wire: WireClient, terminal: Terminal, django_assert_num_queries: Any
) -> None:
    """Turning costs the database as much as not turning: nothing beyond admission."""
    beat(wire, A, B)

    with django_assert_num_queries(0):
        beat(wire, A, B, A, B)
