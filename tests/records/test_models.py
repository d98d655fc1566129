"""What the tables of records and alerts refuse, whoever writes (invariants 2 and 3)."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from devices.models import Site, Terminal
from records.choices import AlertKind, AlertState, Reason, RecordKind
from records.models import Alert, Picture, Record
from records.services import alert_acknowledge, alert_clear, alert_raise

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def record(terminal: Terminal, **values: Any) -> Record:
    """Return a stored record."""
    return Record.objects.create(
        **{
            "site": terminal.site,
            "terminal": terminal,
            "kind": RecordKind.PASS,
            "dedupe_key": "a",
            "received_at": timezone.now(),
            "reason": Reason.UNKNOWN_PERSON,
            **values,
        }
    )


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.ALLOWED])
def test_no_record_says_that_a_door_opened_for_another_reason(
    terminal: Terminal, reason: Reason
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        record(terminal, door_opened=True, reason=reason)

    record(terminal, door_opened=False, reason=reason)


def test_an_opened_door_was_allowed(terminal: Terminal) -> None:
    assert record(terminal, door_opened=True, reason=Reason.ALLOWED).pk


def test_a_message_is_one_record_a_terminal(terminal: Terminal, site: Site) -> None:
    record(terminal)
    with pytest.raises(IntegrityError), transaction.atomic():
        record(terminal)

    record(Terminal.objects.create(site=site, device_id="2"))
    assert Record.objects.count() == 2


def test_a_record_is_of_a_known_kind(terminal: Terminal) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        record(terminal, kind="greeting")


def test_a_picture_is_stored_once_a_site(site: Site) -> None:
    values = {"site": site, "sha256": "a" * 64, "width": 1, "height": 1}
    Picture.objects.create(**values)

    with pytest.raises(IntegrityError), transaction.atomic():
        Picture.objects.create(**values)


def test_a_terminal_with_records_stays(terminal: Terminal) -> None:
    record(terminal)

    with pytest.raises(ProtectedError):
        terminal.delete()


def test_a_lasting_cause_alarms_once_while_it_lasts(terminal: Terminal) -> None:
    first = alert_raise(kind=AlertKind.TERMINAL_OFFLINE, terminal=terminal)
    assert first is not None
    assert alert_raise(kind=AlertKind.TERMINAL_OFFLINE, terminal=terminal) is None

    alert_clear(alert=first, user=None)

    assert alert_raise(kind=AlertKind.TERMINAL_OFFLINE, terminal=terminal) is not None
    assert Alert.objects.count() == 2


def test_events_alarm_each_time(terminal: Terminal) -> None:
    for _ in range(3):
        assert alert_raise(kind=AlertKind.FACE_MISMATCH, terminal=terminal) is not None

    assert Alert.objects.count() == 3


def test_who_pressed_first_is_named(terminal: Terminal, admin_user: User) -> None:
    second = User.objects.create_user("second")
    alert = alert_raise(kind=AlertKind.NO_MASK, terminal=terminal)
    assert alert is not None

    alert_acknowledge(alert=alert, user=admin_user)
    alert = alert_acknowledge(alert=alert, user=second)
    assert (alert.state, alert.acknowledged_by) == (AlertState.ACKNOWLEDGED, admin_user)

    alert_clear(alert=alert, user=second)
    alert = alert_clear(alert=alert, user=admin_user)
    assert (alert.state, alert.cleared_by) == (AlertState.CLEARED, second)

    # What is cleared is not acknowledged any more.
    assert alert_acknowledge(alert=alert, user=admin_user).state == AlertState.CLEARED


def test_a_state_nobody_knows_is_refused(terminal: Terminal) -> None:
    alert = alert_raise(kind=AlertKind.NO_MASK, terminal=terminal)
    assert alert is not None

    with pytest.raises(IntegrityError), transaction.atomic():
        Alert.objects.filter(pk=alert.pk).update(state="forgotten")
