"""The alert on a wrong clock, late uploads, and messages that had to be repaired."""

import time
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import RepairCount, Site, Terminal
from records.choices import AlertKind, AlertState
from records.models import Alert, Record
from tests.console.two_sites import World, client_of
from tests.support.factories import wire_of
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
        clock_is_wrong=True, clock_skew_s=10800, clock_skew_since=timezone.now()
    )

    upload(wire, seconds_ago=10800, temperature="39.0")

    assert "late_s" not in Alert.objects.get(kind=AlertKind.HIGH_TEMPERATURE).facts


def test_a_late_pass_is_decided_like_any_other(
    wire: WireClient, site: Site, terminal: Terminal, obama: object
) -> None:
    """After a power cut every pass of a door seems old; nobody stays outside for that."""
    moment = int((timezone.now() - timedelta(hours=3)).timestamp())

    answer = wire.post("syface", {"userId": "1001", "screenTime": moment, "temperature": "36.5"})

    assert answer["openDoor"] == 1


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
