"""The alert on a wrong clock, late uploads, and messages that had to be repaired."""

import json
import time
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse

from devices.choices import Presence
from devices.models import PresenceChange, RepairCount, Site, Terminal
from faces.models import Person
from records.choices import AlertKind, AlertState, Reason
from records.models import Alert, Record
from terminal_api.body_buffer import RECEIVING_S
from tests.support.factories import wire_of
from tests.support.moving_clock import MovingClock
from tests.support.two_sites import World, client_of
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def upload(wire: WireClient, *, seconds_ago: float, temperature: str = "36.5") -> None:
    body = {"temperature": temperature, "screenTime": int(time.time() - seconds_ago)}
    assert wire.post("syattribute", body)["ret"] == "0"


def clock_alerts() -> list[tuple[str, str]]:
    rows = Alert.objects.filter(kind=AlertKind.CLOCK_SKEW).order_by("pk")
    return [(row.state, row.severity) for row in rows]


def test_a_clock_that_is_ahead_alarms_once_and_clears_by_itself(
    wire: WireClient, terminal: Terminal
) -> None:
    upload(wire, seconds_ago=-7500)
    upload(wire, seconds_ago=-7501)

    assert clock_alerts() == [(AlertState.ACTIVE, "warning")]
    assert abs(Alert.objects.get().facts["clock_skew_s"] + 7500) <= 2
    assert all("clock_skew" in record.faults for record in Record.objects.all())

    upload(wire, seconds_ago=1)

    assert clock_alerts() == [(AlertState.CLEARED, "warning")]
    assert Alert.objects.get().cleared_by is None


def test_records_are_ordered_by_arrival_whatever_the_terminal_says(
    wire: WireClient, terminal: Terminal
) -> None:
    for seconds_ago in (1, 86400, -86400):
        upload(wire, seconds_ago=seconds_ago)

    skews = [record.clock_skew_s for record in Record.objects.order_by("-received_at")]
    newest_first = [record.pk for record in Record.objects.all()]
    assert [round((skew or 0) / 86400) for skew in skews] == [-1, 1, 0]
    assert newest_first == sorted(newest_first, reverse=True)


def test_an_alert_that_comes_late_says_so(wire: WireClient, terminal: Terminal) -> None:
    upload(wire, seconds_ago=10800, temperature="39.0")
    upload(wire, seconds_ago=2, temperature="39.1")

    late, now = Alert.objects.filter(kind=AlertKind.HIGH_TEMPERATURE).order_by("pk")
    assert abs(late.facts["late_s"] - 10800) <= 2
    assert "late_s" not in now.facts


def test_a_clock_known_to_be_wrong_makes_nothing_late(wire: WireClient, terminal: Terminal) -> None:
    Terminal.objects.filter(pk=terminal.pk).update(
        clock_is_wrong=True, clock_skew_s=10800, clock_learnt_s=10800
    )

    upload(wire, seconds_ago=10800, temperature="39.0")

    assert "late_s" not in Alert.objects.get(kind=AlertKind.HIGH_TEMPERATURE).facts


def test_repairs_are_counted_by_kind(wire: WireClient, terminal: Terminal) -> None:
    broken = b"{'temperature': '36.5', 'screenTime': 15890000%d,}"
    for number in range(3):
        wire.post("syattribute", broken % (number + 10))
    wire.post("syattribute", '{"temperature": "36.5", "remark": "体温"}'.encode("gbk"))
    wire.post("syattribute", {"temperature": "36.5"})

    counts = dict(RepairCount.objects.values_list("kind", "count"))
    assert counts.pop("json_encoding") == 1
    assert counts
    assert set(counts.values()) == {3}


def test_what_a_manager_sees_of_clock_and_repairs(world: World) -> None:
    terminal = world.ours.terminal
    wire = wire_of(terminal)
    upload(wire, seconds_ago=-7530)
    wire.post("syattribute", b"\xef\xbb\xbf" + b'{"temperature": "36.5"}')
    client = client_of(world.manager)

    page = client.get(reverse("admin:devices_terminal_change", args=[terminal.pk]))
    listed = client.get(reverse("admin:devices_terminal_changelist"), {"clock_is_wrong__exact": 1})
    alerts = client.get(reverse("admin:records_alert_changelist"))

    body = page.content.decode()
    assert "2 h 5 min ahead" in body
    assert "1 × the message began with a byte order mark" in body
    assert "clock 2 h 5 min ahead" in listed.content.decode()
    assert "2 h 5 min ahead" in alerts.content.decode()


def test_of_a_queue_nothing_opens_and_everything_is_kept(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    assert send(wire, clock, 0) == 1
    clock.pass_by(3 * 3600)

    opened = []
    for number in range(20):
        clock.pass_by(0.4)
        opened.append(send(wire, clock, 9000 - 8 * number))

    assert opened == [0] * 20
    late = Record.objects.filter(is_late=True)
    assert late.count() == 20
    assert {(one.reason, one.door_opened) for one in late} == {(Reason.LATE, False)}
    assert all(one.late_s and one.late_s > 8000 for one in late)
    # Who stands there now is let in.
    clock.pass_by(0.4)
    assert send(wire, clock, 0) == 1


def test_a_moment_in_the_sites_time_opens_when_it_is_of_now(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    Site.objects.update(timezone="America/New_York")
    zone = ZoneInfo("America/New_York")
    opened = []
    for seconds_ago in (0, 3600):
        moment = clock.now.astimezone(zone) - timedelta(seconds=seconds_ago)
        body = {"userId": "1001", "screenTime": f"{moment:%Y-%m-%d %H:%M:%S}"}
        opened.append(wire.post("syface", body)["openDoor"])

    assert opened == [1, 0]
    assert Record.objects.order_by("pk")[0].captured_at == clock.now.replace(microsecond=0)


@pytest.mark.slow
def test_of_a_queue_that_cannot_be_read_nothing_opens(
    wire: WireClient,
    terminal: Terminal,
    obama: Person,
    clock: MovingClock,
    settings: Any,
) -> None:
    settings.TERMINAL_RATE = settings.ADDRESS_RATE = (1e6, 1e6)

    def unreadable(number: int) -> int:
        body = {"userId": "1001", "screenTime": f"shift {number}"}
        return int(wire.post("syface", body)["openDoor"])

    assert unreadable(0) == 1
    since = clock.now + timedelta(hours=1)
    clock.pass_by(7200)
    lost = {"terminal": terminal, "presence": Presence.OFFLINE, "at": since}
    PresenceChange.objects.create(**lost)
    Terminal.objects.update(presence=Presence.ONLINE, presence_since=clock.now)
    opened = []
    for number in range(1, 200):
        clock.pass_by(0.5)
        opened.append(unreadable(number))

    assert opened == [0] * 199
    assert Record.objects.filter(is_late=True, reason=Reason.LATE, late_s=None).count() == 199
    # Who comes by themselves is let in.
    clock.pass_by(61)
    assert unreadable(200) == 1
    clock.pass_by(3)
    assert unreadable(201) == 1
    assert not clock_alerts()


def test_a_terminal_whose_clock_is_wrong_opens_for_people_within_seconds(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    opened = []
    for _ in range(4):
        opened.append(send(wire, clock, 10800))
        clock.pass_by(6)

    assert opened == [0, 0, 1, 1]
    assert clock_alerts() == [(AlertState.ACTIVE, "warning")]
    assert "late_s" not in Record.objects.latest("pk").faults


def test_lenient_sites_decide_late_passes_like_any_other(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    Site.objects.update(late_passes="lenient")

    assert send(wire, clock, 10800) == 1
    record = Record.objects.get()
    assert (record.is_late, record.reason) == (True, Reason.ALLOWED)


def test_a_late_pass_says_what_else_would_have_closed_the_door(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    Person.objects.update(category=3)

    assert send(wire, clock, 10800) == 0
    assert Record.objects.get().reason == Reason.BLACKLISTED
    assert Alert.objects.get(kind=AlertKind.BLACKLISTED).state == AlertState.ACTIVE


def test_a_clock_that_stands_still_opens_and_alarms(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    stopped = int(clock.at) - 7201
    stopped += stopped % 60 == 0
    opened = []
    for number in range(4):
        body = {"userId": "1001", "screenTime": stopped, "imgSha256": f"{number:064x}"}
        opened.append(wire.post("syface", body)["openDoor"])
        clock.pass_by(12)

    assert opened == [0, 1, 1, 1]
    alert = Alert.objects.get()
    assert (alert.kind, alert.facts) == (AlertKind.CLOCK_SKEW, {"stands_still": True})


def test_an_old_fever_of_a_known_clock_is_no_alarm_any_more(
    wire: WireClient, terminal: Terminal, clock: MovingClock
) -> None:
    reading(wire, clock, 0)
    reading(wire, clock, 301, "39.0")
    clock.pass_by(0.5)
    reading(wire, clock, 299, "39.1")

    old, fresh = Alert.objects.order_by("pk")
    assert (old.state, old.facts["late_s"], old.cleared_by) == (AlertState.CLEARED, 301, None)
    assert old.cleared_at is not None
    assert fresh.state == AlertState.ACTIVE


@pytest.mark.parametrize("years", [0.0005, 26], ids=["hours", "reset to 2000"])
def test_a_fever_alarms_while_the_clock_is_unsure(
    wire: WireClient, terminal: Terminal, clock: MovingClock, years: float
) -> None:
    """A clock that has just jumped: who has a fever may stand there now."""
    reading(wire, clock, 0)
    clock.pass_by(60)
    reading(wire, clock, years * 365 * 86400, "39.0")

    assert Alert.objects.get(kind=AlertKind.HIGH_TEMPERATURE).state == AlertState.ACTIVE


def test_readings_teach_the_clock_as_passes_do(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    reading(wire, clock, 10800)
    clock.pass_by(12)
    reading(wire, clock, 10800)
    clock.pass_by(0.2)

    assert send(wire, clock, 10800) == 1
    assert [one.is_late for one in Record.objects.order_by("pk")] == [True, False, False]


def test_a_repeat_teaches_nothing(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    moment = int(clock.at) - 7201
    for _ in range(6):
        body = {"userId": "1001", "screenTime": moment}
        assert wire.post("syface", body)["openDoor"] == 0
        clock.pass_by(15)

    terminal.refresh_from_db()
    assert (terminal.clock_learnt_s, terminal.clock_stands_still) == (None, False)


@pytest.mark.parametrize("said", [{"HTTP_X_RECEIVING_S": "3.900"}, {RECEIVING_S: 3.9}])
def test_a_request_that_came_in_slowly_began_when_its_first_byte_did(
    wire: WireClient,
    terminal: Terminal,
    obama: Person,
    clock: MovingClock,
    said: dict[str, Any],
) -> None:
    """A queue over a slow line, behind a proxy that passes on whole requests, or without one."""
    for _ in range(6):
        body = json.dumps({"userId": "1001", "screenTime": int(clock.at) - 7201})
        address = f"{wire.base}/syface/{wire.device_id}"
        answer = wire.client.post(address, body, content_type="application/json", **said)
        assert answer.json()["openDoor"] == 0
        clock.pass_by(4)


def send(wire: WireClient, clock: MovingClock, seconds_ago: float) -> int:
    body = {"userId": "1001", "screenTime": int((clock.at - seconds_ago) * 1000)}
    return int(wire.post("syface", body)["openDoor"])


def reading(wire: WireClient, clock: MovingClock, seconds_ago: float, heat: str = "36.5") -> None:
    body = {"temperature": heat, "screenTime": int((clock.at - seconds_ago) * 1000)}
    assert wire.post("syattribute", body)["ret"] == "0"
