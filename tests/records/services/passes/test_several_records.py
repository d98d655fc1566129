"""Several records in one upload: each is stored, and the door opens for the newest alone."""

import json
from typing import Any

import pytest

from devices.models import Site, Terminal
from faces.models import Library
from records.models import Alert, Record
from tests.support.factories import make_person
from tests.support.moving_clock import MovingClock
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def residents(site: Site, library: Library) -> None:
    for user_id in "78":
        make_person(site, user_id=user_id, libraries=[library])


def passing(clock: MovingClock, user_id: str, *, ago_s: int = 0) -> dict[str, Any]:
    return {"userId": user_id, "screenTime": int(clock.at) - ago_s, "temperature": "36.5"}


WAYS = {
    "joined": lambda bodies: "".join(map(json.dumps, bodies)),
    "lines": lambda bodies: "\n".join(map(json.dumps, bodies)),
    "list": json.dumps,
    "envelope": lambda bodies: json.dumps({"Info": bodies}),
    "list with others": lambda bodies: json.dumps([*bodies, "x", None, {"deviceId": "1"}]),
}


@pytest.mark.parametrize("written", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("is_newest_first", [False, True])
def test_the_door_opens_for_the_newest_alone(
    wire: WireClient,
    residents: None,
    terminal: Terminal,
    clock: MovingClock,
    written: Any,
    is_newest_first: bool,
) -> None:
    bodies = [passing(clock, "7", ago_s=5), passing(clock, "8")]
    body = written(bodies[::-1] if is_newest_first else bodies)

    assert wire.post("syface", body)["openDoor"] == 1
    assert wire.post("syface", body)["openDoor"] == 1

    records = {one.user_id: one for one in Record.objects.all()}
    assert {name: one.door_opened for name, one in records.items()} == {"7": False, "8": True}
    assert {name: one.repeats for name, one in records.items()} == {"7": 1, "8": 1}
    assert "message_of_several" in records["7"].faults
    assert "message_of_several" not in records["8"].faults


def test_a_newest_who_may_not_pass_opens_nothing_for_those_before(
    wire: WireClient, residents: None, terminal: Terminal, clock: MovingClock
) -> None:
    answer = wire.post("syface", [passing(clock, "7", ago_s=1), passing(clock, "nobody")])

    assert answer["openDoor"] == 0
    assert list(Record.objects.values_list("door_opened", flat=True)) == [False, False]


@pytest.mark.parametrize("policy", ["strict", "lenient"])
def test_a_queue_in_one_body_opens_by_its_newest_only(
    wire: WireClient, residents: None, terminal: Terminal, clock: MovingClock, policy: str
) -> None:
    Site.objects.update(late_passes=policy)
    wire.post("syface", passing(clock, "7"))
    clock.pass_by(5)

    wire.post("syface", [passing(clock, "7", ago_s=7200), passing(clock, "8", ago_s=3600)])

    assert Record.objects.get(user_id="7", is_late=True).door_opened is False
    assert Record.objects.count() == 3


def test_each_fever_in_a_list_raises_its_alarm(
    wire: WireClient, terminal: Terminal, clock: MovingClock
) -> None:
    bodies = [{"temperature": heat, "screenTime": int(clock.at)} for heat in ("38.5", "36.4", "39")]

    assert wire.post("syattribute", {"resultList": bodies})["ret"] == "0"

    assert Record.objects.count() == 3
    assert Alert.objects.filter(kind="high_temperature").count() == 2
