"""Online and offline: noted per request, written in batches, turned exactly at the limit."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.choices import Presence
from devices.models import PresenceChange, Site, Terminal
from devices.selectors import is_online
from devices.services import presence_flush, presence_last_seen, presence_seen, presence_sweep
from devices.services.presence.presence import (
    Sighting,
    addresses_take,
    sighting_steps,
    sightings,
    sightings_take,
)
from records.choices import AlertKind, AlertState
from records.models import Alert
from records.services import alert_acknowledge, presence_alarms
from server_common.call_store import CallStoreAway, call_store
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
T0 = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, settings: Any) -> None:
    """Use either kind of store."""
    if request.param == "memory":
        settings.REDIS_URL = ""


def note(terminal_id: int, sighting: Sighting) -> None:
    """Note that a terminal was heard."""
    call_store().run(sighting_steps(terminal_id, sighting), now=sighting.at)


@pytest.mark.usefixtures("store")
def test_a_store_keeps_the_last_sighting_until_it_is_taken() -> None:
    note(1, Sighting(100.5, "10.0.0.1"))
    note(1, Sighting(101.25, "10.0.0.2", used_token=False))
    note(2, Sighting(50.0, "", used_token=True))

    assert sightings([1, 3]) == {1: Sighting(101.25, "10.0.0.2", used_token=False)}
    assert sightings([]) == {}
    assert sightings_take() == {
        1: Sighting(101.25, "10.0.0.2", used_token=False),
        2: Sighting(50.0, ""),
    }
    assert sightings_take() == {}
    assert sightings([1, 2]) == {}


@pytest.mark.usefixtures("store")
def test_an_address_of_ip_version_6_survives_the_store() -> None:
    note(1, Sighting(1.0, "2001:db8::1"))

    assert sightings_take()[1].address == "2001:db8::1"


@pytest.mark.usefixtures("store")
def test_a_store_keeps_every_address_and_when_it_was_first() -> None:
    for at, address in ((1.5, "10.0.0.1"), (2.5, "2001:db8::1"), (3.5, "10.0.0.1"), (4.5, "")):
        note(1, Sighting(at, address))
    note(2, Sighting(5.5, "10.0.0.1"))

    assert addresses_take() == {
        (1, "10.0.0.1"): 1.5,
        (1, "2001:db8::1"): 2.5,
        (2, "10.0.0.1"): 5.5,
    }
    assert addresses_take() == {}


def test_a_heartbeat_is_seen_at_once_and_written_by_the_flush(
    wire: WireClient, terminal: Terminal
) -> None:
    wire.post("syheartbeat", "")

    seen = presence_last_seen([terminal])[terminal.pk]
    assert seen is not None
    assert timezone.now() - seen < timedelta(seconds=10)
    terminal.refresh_from_db()
    assert terminal.last_seen_at is None

    assert presence_flush() == 1
    assert presence_flush() == 0

    terminal.refresh_from_db()
    assert terminal.last_address == "127.0.0.1"
    assert terminal.last_seen_at is not None
    assert abs(terminal.last_seen_at - seen) < timedelta(milliseconds=2)


def test_an_older_note_never_turns_the_clock_back(terminal: Terminal) -> None:
    Terminal.objects.update(last_seen_at=T0)
    note(terminal.pk, Sighting((T0 - timedelta(hours=1)).timestamp(), ""))

    presence_flush()

    assert Terminal.objects.get().last_seen_at == T0


def test_a_note_of_a_terminal_that_is_gone_hinders_nobody(terminal: Terminal) -> None:
    presence_seen(terminal_id=terminal.pk + 1000, address="10.0.0.1")
    presence_seen(terminal_id=terminal.pk, address="10.0.0.1")

    presence_flush()

    assert Terminal.objects.get().last_seen_at is not None


def test_a_store_that_is_away_costs_the_note_and_not_the_answer(
    wire: WireClient, terminal: Terminal, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CallStoreAway):
        sightings([terminal.pk])

    assert wire.post("syheartbeat", "")["ret"] == "0"


@pytest.mark.parametrize(
    ("seconds", "presence"),
    [(0, "online"), (119.999, "online"), (120, "online"), (120.001, "offline"), (9e6, "offline")],
)
def test_online_ends_exactly_after_the_sites_limit(
    site: Site, terminal: Terminal, seconds: float, presence: str
) -> None:
    Site.objects.update(offline_after_s=120)
    Terminal.objects.update(last_seen_at=T0)
    now = T0 + timedelta(seconds=seconds)

    turns = presence_sweep(now=now)

    terminal = Terminal.objects.select_related("site").get()
    assert [turn.presence for turn in turns] == [presence]
    assert terminal.presence == presence
    assert is_online(terminal, T0, now=now) is (presence == "online")
    # Since when: of being heard, or of the moment it should have been heard.
    since = T0 if presence == "online" else T0 + timedelta(seconds=120)
    assert terminal.presence_since == since
    assert PresenceChange.objects.get().at == since


def test_a_terminal_never_heard_turns_nothing(terminal: Terminal) -> None:
    assert presence_sweep(now=T0) == []
    assert Terminal.objects.get().presence == Presence.NEVER


def test_each_turn_is_told_once(site: Site, terminal: Terminal) -> None:
    told = []
    Terminal.objects.update(last_seen_at=T0)
    for seconds in (1, 2, 121, 122, 500):
        told += presence_sweep(now=T0 + timedelta(seconds=seconds))
    Terminal.objects.update(last_seen_at=T0 + timedelta(seconds=600))
    for seconds in (601, 602):
        told += presence_sweep(now=T0 + timedelta(seconds=seconds))

    assert [turn.presence for turn in told] == ["online", "offline", "online"]
    assert list(PresenceChange.objects.order_by("pk").values_list("presence", flat=True)) == [
        "online",
        "offline",
        "online",
    ]


def test_silence_alarms_once_and_a_word_clears_it(site: Site, terminal: Terminal) -> None:
    Terminal.objects.update(last_seen_at=T0)
    for seconds in (1, 121, 122, 9000):
        presence_alarms(now=T0 + timedelta(seconds=seconds))

    alert = Alert.objects.get()
    assert (alert.kind, alert.state) == (AlertKind.TERMINAL_OFFLINE, AlertState.ACTIVE)
    assert alert.raised_at == T0 + timedelta(seconds=120)

    Terminal.objects.update(last_seen_at=T0 + timedelta(seconds=9001))
    presence_alarms(now=T0 + timedelta(seconds=9002))
    alert.refresh_from_db()
    assert (alert.state, alert.cleared_by) == (AlertState.CLEARED, None)

    presence_alarms(now=T0 + timedelta(seconds=99999))
    assert list(Alert.objects.order_by("pk").values_list("state", flat=True)) == [
        "cleared",
        "active",
    ]


def test_an_alarm_somebody_looks_into_is_cleared_too(
    site: Site, terminal: Terminal, admin_user: Any
) -> None:
    Terminal.objects.update(last_seen_at=T0)
    presence_alarms(now=T0 + timedelta(hours=1))
    alert_acknowledge(alert=Alert.objects.get(), user=admin_user)
    presence_alarms(now=T0 + timedelta(hours=2))
    assert Alert.objects.count() == 1

    Terminal.objects.update(last_seen_at=T0 + timedelta(hours=3))
    presence_alarms(now=T0 + timedelta(hours=3))

    alert = Alert.objects.get()
    assert (alert.state, alert.acknowledged_by) == (AlertState.CLEARED, admin_user)


def test_each_site_has_its_own_patience(site: Site, terminal: Terminal) -> None:
    from devices.services import site_create

    patient = site_create(code="patient", name="Patient", offline_after_s=3600)
    Terminal.objects.create(site=patient, device_id="2", status="approved")
    Terminal.objects.update(last_seen_at=T0)

    presence_alarms(now=T0 + timedelta(seconds=600))

    assert [alert.site for alert in Alert.objects.all()] == [site]
