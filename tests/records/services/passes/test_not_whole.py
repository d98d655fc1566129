"""Messages that broke off, and messages without a picture: what they may and may not do."""

import time

import pytest

from devices.models import Terminal
from faces.models import Person
from records.models import Alert, Record
from tests.support.moving_clock import MovingClock
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.mark.parametrize("cut", ['{"userId":"1001', '{"userId":1001', '{"userId":"1001","screenTi'])
def test_a_message_that_broke_off_is_kept_and_opens_nothing(
    wire: WireClient, terminal: Terminal, obama: Person, cut: str
) -> None:
    """What is left of 10012 is 1001, and the door opened for another person."""
    answer = wire.post("syface", cut.encode())

    assert (answer["ret"], answer["openDoor"]) == ("0", 0)
    record = Record.objects.get()
    assert (record.user_id, record.door_opened) == ("1001", False)
    assert "message_broken_off" in record.faults


def test_a_whole_message_with_broken_syntax_still_opens(
    wire: WireClient, terminal: Terminal, obama: Person
) -> None:
    assert wire.post("syface", b'{"userId":"1001",}')["openDoor"] == 1


def test_readings_of_one_minute_without_a_picture_are_told_apart(
    wire: WireClient, terminal: Terminal
) -> None:
    """Terminals tell whole minutes; the fever of the second person was taken for a repeat."""
    moment = int(time.time()) // 60 * 60
    for heat in ("36.5", "39.5", "39.5"):
        body = {"temperature": heat, "mask": True, "screenTime": moment}
        assert wire.post("syattribute", body)["ret"] == "0"

    assert sorted(str(one.temperature_c) for one in Record.objects.all()) == ["36.50", "39.50"]
    assert Alert.objects.filter(kind="high_temperature").count() == 1


def test_passes_at_a_clock_that_stands_still_are_all_kept(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock
) -> None:
    """Two passes that are alike in everything are two, once their moment is known to be none."""
    opened = []
    for similarity in (81, 82, 83, 84, 84, 84):
        body = {"userId": "1001", "screenTime": 946684817, "similarity": similarity}
        opened.append(wire.post("syface", body)["openDoor"])
        clock.pass_by(30)

    assert opened[-3:] == [1, 1, 1]
    assert Record.objects.count() == 6


@pytest.mark.parametrize("moment", [0, 946684800, 946684817])
def test_a_clock_that_was_reset_and_stands_still_opens_within_seconds(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock, moment: int
) -> None:
    opened = []
    for number in range(5):
        body = {"userId": "1001", "screenTime": moment, "similarity": 80 + number}
        opened.append(wire.post("syface", body)["openDoor"])
        clock.pass_by(12)

    assert opened[-2:] == [1, 1]


@pytest.mark.parametrize("skew", [-90.0, -3600.0, -86400.0, 3600.0])
def test_a_jump_is_learnt_from_two_messages_though_the_terminal_was_known(
    wire: WireClient, terminal: Terminal, obama: Person, clock: MovingClock, skew: float
) -> None:
    opened = []
    for number, (apart_s, off_s) in enumerate([(0, 0.0), (300, skew), (12, skew), (12, skew)]):
        clock.pass_by(apart_s)
        body = {"userId": "1001", "screenTime": int(clock.at - off_s), "similarity": 80 + number}
        opened.append(wire.post("syface", body)["openDoor"])

    assert opened == [1, 0, 1, 1]
