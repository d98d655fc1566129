"""Somebody who invents terminals: doors, newcomers and the people who read alarms stay well."""

import threading
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Site, Terminal
from devices.services import Admission, admit, came_with_flood, newcomers_forget, presence_seen
from devices.services.admission import newcomers
from records.choices import AlertKind
from records.models import Alert, Record
from records.services import alert_clear, alert_raise, presence_alarms
from records.words import folded_words
from tests.support.factories import make_site, make_terminal

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

NOW = timezone.now


def appear(token: str, *numbers: int, address: str = "10.0.0.9") -> list[Admission]:
    outcomes = [admit(token=token, device_id=f"new-{one}", address=address) for one in numbers]
    return [one for one in outcomes if isinstance(one, Admission)]


def age(hours: float) -> datetime:
    """Let all terminals have appeared and been heard so long ago; returns when."""
    then = NOW() - timedelta(hours=hours)
    Terminal.objects.update(created_at=then, last_seen_at=then)
    return then


def go_silent(terminals: list[Terminal], *, since: datetime) -> None:
    Terminal.objects.filter(pk__in=[one.pk for one in terminals]).update(
        last_seen_at=since, presence="online"
    )


def shown(kind: AlertKind) -> list[tuple[str, int, bool]]:
    """Return (state, folded, of a terminal) of the alerts of a kind."""
    rows = Alert.objects.filter(kind=kind).order_by("pk")
    return [(one.state, one.folded, one.terminal_id is not None) for one in rows]


def test_site_approves_so_many_an_hour_by_itself_and_asks_about_the_others(
    site: Site, token: str
) -> None:
    Site.objects.update(newcomers_per_hour=3)

    first = appear(token, *range(5))
    assert [one.is_approved for one in first] == [True, True, True, False, False]
    assert first[3].terminal.approved_at is None
    assert appear(token, 0)[0].is_approved

    age(1.1)
    assert appear(token, 7)[0].is_approved
    assert not appear(token, 3)[0].is_approved


@pytest.mark.django_db(transaction=True)
def test_newcomers_at_once_do_not_pass_the_limit(site: Site, token: str) -> None:
    Site.objects.update(newcomers_per_hour=2)
    failures: list[BaseException] = []
    together = threading.Barrier(6)

    def call(number: int) -> None:
        try:
            together.wait(20)
            appear(token, number)
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert Terminal.objects.filter(status="approved").count() == 2
    assert Terminal.objects.filter(status="pending").count() == 4


def test_other_sites_newcomers_are_not_counted(site: Site, token: str) -> None:
    Site.objects.update(newcomers_per_hour=1)
    appear(token, 1, 2)

    other = make_site(newcomers_per_hour=1)

    assert appear(other.tokens.get().token, 1)[0].is_approved


def test_flood_is_one_alarm_with_a_count_that_ends_by_itself(site: Site, token: str) -> None:
    Site.objects.update(newcomers_per_hour=3)
    appear(token, *range(3))
    presence_alarms()
    assert shown(AlertKind.TERMINAL_FLOOD) == []

    appear(token, 3)
    presence_alarms()
    appear(token, *range(4, 9))
    presence_alarms()
    presence_alarms()
    assert shown(AlertKind.TERMINAL_FLOOD) == [("active", 9, False)]

    presence_alarms(now=NOW() + timedelta(hours=2))
    assert shown(AlertKind.TERMINAL_FLOOD) == [("cleared", 9, False)]


def test_silent_strangers_alarm_nobody(site: Site, token: str) -> None:
    Site.objects.update(auto_approve=False)
    for one in appear(token, *range(30)):
        presence_seen(terminal_id=one.terminal.pk, address="10.0.0.9")
    presence_alarms()

    presence_alarms(now=NOW() + timedelta(hours=2))

    assert shown(AlertKind.TERMINAL_OFFLINE) == []


@pytest.mark.slow
def test_many_terminals_offline_are_some_alarms_and_one_that_counts(site: Site) -> None:
    fleet = [make_terminal(site) for _ in range(50)]
    go_silent(fleet, since=NOW() - timedelta(hours=3))

    presence_alarms()
    presence_alarms()

    assert shown(AlertKind.TERMINAL_OFFLINE) == [("active", 0, True)] * 20 + [("active", 30, False)]


@pytest.mark.slow
def test_folded_alarm_follows_its_terminals_and_ends_with_the_last(site: Site) -> None:
    fleet = [make_terminal(site) for _ in range(25)]
    go_silent(fleet, since=NOW() - timedelta(hours=3))
    presence_alarms()
    alone = set(Alert.objects.filter(folded=0).values_list("terminal_id", flat=True))
    folded = [one for one in fleet if one.pk not in alone]

    for one in folded[:2]:
        presence_seen(terminal_id=one.pk, address="10.0.0.9")
    presence_alarms()
    assert shown(AlertKind.TERMINAL_OFFLINE)[-1] == ("active", 3, False)

    for one in folded[2:]:
        presence_seen(terminal_id=one.pk, address="10.0.0.9")
    presence_alarms()
    assert shown(AlertKind.TERMINAL_OFFLINE)[-1] == ("cleared", 3, False)
    assert Alert.objects.filter(state="active").count() == 20


@pytest.fixture
def flooded(site: Site, token: str) -> list[Terminal]:
    """Return thirty terminals that came at once, called once and were never heard again."""
    Site.objects.update(newcomers_per_hour=25)
    came = [one.terminal for one in appear(token, *range(30))]
    then = age(3)
    Terminal.objects.update(status="approved", approved_at=then, presence="online")
    return came


@pytest.mark.slow
def test_folded_alarm_does_not_count_those_that_came_with_a_flood(
    site: Site, flooded: list[Terminal]
) -> None:
    then = NOW() - timedelta(days=3)
    fleet = [make_terminal(site) for _ in range(25)]
    Terminal.objects.filter(pk__in=[one.pk for one in fleet]).update(created_at=then)
    go_silent(fleet, since=NOW() - timedelta(hours=3))

    presence_alarms()
    presence_alarms()

    assert shown(AlertKind.TERMINAL_OFFLINE) == [("active", 0, True)] * 20 + [("active", 5, False)]


def test_folded_alarm_ends_though_those_of_a_flood_stay_silent(
    site: Site, flooded: list[Terminal]
) -> None:
    Alert.objects.create(
        site=site, kind=AlertKind.TERMINAL_OFFLINE, severity="warning", folded=5, raised_at=NOW()
    )

    presence_alarms()

    assert shown(AlertKind.TERMINAL_OFFLINE) == [("cleared", 5, False)]


@pytest.mark.parametrize(
    ("change", "is_of_flood"),
    [
        ({}, True),
        ({"last_seen_at": None}, True),
        ({"name": "Gate"}, False),
        ({"api_address": "10.0.0.7"}, False),
        ({"approved_at": NOW()}, False),
        ({"last_seen_at": NOW() - timedelta(hours=1)}, False),
        ({"created_at": NOW() - timedelta(days=9)}, False),
    ],
    ids=["heard once", "never heard", "named", "called", "approved", "heard longer", "days ago"],
)
def test_one_terminal_and_many_are_told_of_a_flood_alike(
    flooded: list[Terminal], change: dict[str, object], is_of_flood: bool
) -> None:
    one = Terminal.objects.filter(pk=flooded[7].pk)
    one.update(**change)

    assert came_with_flood(one.get()) is is_of_flood
    assert newcomers.count_without_flood(one) == int(not is_of_flood)
    assert newcomers.count_without_flood(Terminal.objects.all()) == int(not is_of_flood)


@pytest.mark.slow
def test_alarm_of_one_site_is_not_folded_because_of_another(site: Site) -> None:
    go_silent([make_terminal(site) for _ in range(25)], since=NOW() - timedelta(hours=3))
    lonely = make_terminal(make_site())
    go_silent([lonely], since=NOW() - timedelta(hours=2))

    presence_alarms()

    alert = Alert.objects.get(site=lonely.site)
    assert (alert.terminal, alert.folded) == (lonely, 0)


def test_alarm_about_a_deleted_terminal_ends(site: Site) -> None:
    gone = make_terminal(site)
    go_silent([gone], since=NOW() - timedelta(hours=3))
    presence_alarms()
    gone.delete()

    presence_alarms()

    assert shown(AlertKind.TERMINAL_OFFLINE) == [("cleared", 0, False)]


def test_a_hundred_alarms_about_people_are_followed_by_one_that_counts(terminal: Terminal) -> None:
    for _ in range(110):
        alert_raise(kind=AlertKind.FACE_MISMATCH, terminal=terminal)
    alert_raise(kind=AlertKind.HIGH_TEMPERATURE, terminal=terminal)

    assert Alert.objects.filter(kind=AlertKind.FACE_MISMATCH, folded=0).count() == 100
    assert shown(AlertKind.FACE_MISMATCH)[-1] == ("active", 10, False)
    assert shown(AlertKind.HIGH_TEMPERATURE) == [("active", 0, True)]


def test_a_photo_held_up_again_and_again_is_counted(terminal: Terminal) -> None:
    for _ in range(12):
        alert_raise(kind=AlertKind.PHOTO_SENT_BACK, terminal=terminal)

    assert Alert.objects.filter(kind=AlertKind.PHOTO_SENT_BACK, folded=0).count() == 5
    assert shown(AlertKind.PHOTO_SENT_BACK)[-1] == ("active", 7, False)


def test_after_a_flood_each_alarm_is_one_again(terminal: Terminal) -> None:
    for _ in range(101):
        alert_raise(kind=AlertKind.NO_MASK, terminal=terminal)
    Alert.objects.filter(folded=0).update(raised_at=NOW() - timedelta(hours=2))

    alert = alert_raise(kind=AlertKind.NO_MASK, terminal=terminal)

    assert alert is not None
    assert (alert.folded, alert.terminal) == (0, terminal)


def test_folded_alarm_that_was_cleared_begins_anew(terminal: Terminal) -> None:
    for _ in range(103):
        alert_raise(kind=AlertKind.NO_MASK, terminal=terminal)
    alert_clear(alert=Alert.objects.get(folded__gt=0), user=None)

    alert_raise(kind=AlertKind.NO_MASK, terminal=terminal)

    assert [one for one in shown(AlertKind.NO_MASK) if one[1]] == [
        ("cleared", 3, False),
        ("active", 1, False),
    ]


def test_newcomer_finds_room_among_those_that_went_silent(
    site: Site, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Site.objects.update(auto_approve=False)
    monkeypatch.setattr("devices.services.admission.admission.PENDING_MAX_PER_SITE", 3)
    appear(token, 1, 2, 3)
    assert appear(token, 4) == []

    age(newcomers.WAITING_SECONDS / 3600 + 0.1)

    assert len(appear(token, 4)) == 1


@pytest.fixture
def full(site: Site, token: str, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site whose whole room for newcomers is taken from one address."""
    Site.objects.update(auto_approve=False)
    monkeypatch.setattr("devices.services.admission.admission.PENDING_MAX_PER_SITE", 20)
    monkeypatch.setattr(newcomers, "PENDING_MAX_PER_SITE", 20)
    assert len(appear(token, *range(20))) == 20
    return site


def test_newcomer_from_elsewhere_finds_room_beside_a_flood(full: Site, token: str) -> None:
    assert appear(token, 20) == []

    assert len(appear(token, 21, address="10.0.0.10")) == 1
    assert len(appear(token, 22, address="2001:db8::1")) == 1
    # A network of IPv6 is one place; and one that sends more than a few is a flood itself.
    assert len(appear(token, 23, 24, address="2001:db8::2")) == 1


def test_room_for_others_has_an_end(full: Site, token: str) -> None:
    for number in range(30):
        appear(token, 100 + number, address=f"10.0.1.{number}")

    assert Terminal.objects.count() == 40


def test_a_flood_that_is_silent_makes_room_before_the_day_is_over(full: Site, token: str) -> None:
    rows = Terminal.objects.order_by("pk")
    rows.update(last_seen_at=NOW() - timedelta(hours=1))
    Terminal.objects.filter(pk=rows[0].pk).update(name="Gate")
    Terminal.objects.filter(pk=rows[1].pk).update(last_seen_at=NOW())
    appear(token, 21, address="10.0.0.10")
    Terminal.objects.filter(device_id="new-21").update(last_seen_at=NOW() - timedelta(hours=1))

    assert newcomers_forget() == 18

    left = set(Terminal.objects.values_list("device_id", flat=True))
    assert left == {"new-0", "new-1", "new-21"}
    assert len(appear(token, 20)) == 1


def test_where_there_is_room_the_silent_stay(full: Site, token: str) -> None:
    Terminal.objects.order_by("pk")[0].delete()
    Terminal.objects.update(last_seen_at=NOW() - timedelta(hours=1))

    assert newcomers_forget() == 0


def test_terminals_of_a_flood_that_fall_silent_are_on_its_alarm_alone(
    site: Site, token: str
) -> None:
    Site.objects.update(newcomers_per_hour=5)
    flood = appear(token, *range(9))
    for one in flood:
        presence_seen(terminal_id=one.terminal.pk, address="10.0.0.9")
    presence_alarms()
    for one in flood:
        presence_seen(terminal_id=one.terminal.pk, address="10.0.0.8")
    presence_alarms()
    presence_alarms(now=NOW() + timedelta(minutes=30))

    assert shown(AlertKind.TERMINAL_FLOOD) == [("active", 9, False)]
    assert shown(AlertKind.TERMINAL_OFFLINE) == shown(AlertKind.NEW_ADDRESS) == []


def test_terminal_of_a_flood_that_is_a_real_one_alarms_as_others(site: Site, token: str) -> None:
    Site.objects.update(newcomers_per_hour=5)
    flood = appear(token, *range(9))
    appeared_at = NOW() - timedelta(hours=3)
    later = appeared_at + timedelta(minutes=10)
    Terminal.objects.update(
        created_at=appeared_at, approved_at=appeared_at, last_seen_at=appeared_at, presence="online"
    )
    Terminal.objects.filter(pk=flood[0].terminal.pk).update(last_seen_at=later)
    Terminal.objects.filter(pk=flood[1].terminal.pk).update(name="Gate")
    Terminal.objects.exclude(status="approved").update(status="approved", approved_at=later)

    presence_alarms()

    # One that went on calling, one that has a name, and four that somebody approved.
    assert len(shown(AlertKind.TERMINAL_OFFLINE)) == 6


def test_terminals_that_went_silent_before_they_were_approved_are_forgotten(
    site: Site, token: str
) -> None:
    Site.objects.update(auto_approve=False)
    names = ["stays", "named", "passed", "approved", "heard", "by hand", "stranger"]
    rows = {name: Terminal.objects.create(site=site, device_id=name) for name in names}
    age(25)
    Terminal.objects.filter(device_id="stays").update(last_seen_at=NOW() - timedelta(hours=23))
    Terminal.objects.filter(device_id="named").update(name="Gate")
    Terminal.objects.filter(device_id="approved").update(status="disabled", approved_at=NOW())
    Terminal.objects.filter(device_id="by hand").update(last_seen_at=None)
    Terminal.objects.filter(device_id="heard").update(last_seen_at=NOW())
    Record.objects.create(
        site=site, terminal=rows["passed"], kind="pass", dedupe_key="1", received_at=NOW(),
        reason="terminal_not_approved",
    )  # fmt: skip

    assert newcomers_forget() == 1

    assert set(Terminal.objects.values_list("device_id", flat=True)) == {*names} - {"stranger"}


def test_words_say_what_a_flood_is() -> None:
    assert folded_words("terminal_flood", 40).startswith("40 new terminals;")
    assert folded_words("no_mask", 1) == "1 further one, not listed"
    assert folded_words("no_mask", 0) == ""
