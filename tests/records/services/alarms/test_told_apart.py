"""Different people are never one record, however unreadable what tells them apart; repeats are."""

from typing import Any

import pytest

from devices.models import Terminal
from records.choices import Origin
from records.models import Record
from records.services import sign_store
from tests.support.moving_clock import MovingClock
from tests.support.signs import picture, sign
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

Bodies = list[dict[str, Any]]
PASSES: dict[str, Bodies] = {
    "names": [{"userId": "", "userName": name} for name in "AC"],
    "names beside one picture": [
        {"userId": "", "userName": name, "img": picture(7)} for name in "AC"
    ],
    "names, userId 0": [{"userId": "0", "userName": name, "img": picture(7)} for name in "AC"],
    "objects as ids": [{"userId": {"a": number}} for number in (1, 2)],
    "numbers too large": [{"userId": 10**31 + number} for number in (0, 1)],
    "lists as ids": [{"userId": [number], "userName": "A"} for number in (5, 6)],
    "names of unreadable ids": [{"userId": {"a": 1}, "userName": name} for name in "ABC"],
    "objects as names": [{"userId": "", "userName": {"name": name}} for name in "AB"],
    "ids that are cut": [{"userId": "x" * 64 + name} for name in "AB"],
    "similarity": [{"userId": "7", "similarity": text} for text in ("high", "low")],
    "temperature": [{"userId": "", "temperature": text} for text in ("warm", "hot")],
    "mask": [{"userId": "", "mask": text} for text in ("half", "chin")],
    "openCode": [{"userId": "", "openCode": text} for text in ("a", "b")],
    "idCardInfo": [{"userId": "", "idCardInfo": {"id": number}} for number in "12"],
    "in the envelope": [{"Info": {"userId": {"a": number}}} for number in (1, 2)],
}
READINGS: dict[str, Bodies] = {
    "temperature": [{"temperature": text} for text in ("burning", "glowing")],
    "out of range": [{"temperature": text} for text in ("399", "411")],
    "unit": [{"temperature": 37, "temperatureUnit": unit} for unit in ("R", "K")],
    "mask": [{"temperature": 36.5, "mask": [number]} for number in (1, 2)],
    "names": [{"temperature": 36.5, "userName": name} for name in "AB"],
    "similarity": [{"temperature": 36.5, "similarity": number} for number in (31, 32)],
}
CASES = [("syface", name, bodies) for name, bodies in PASSES.items()] + [
    ("syattribute", name, bodies) for name, bodies in READINGS.items()
]


def moved(body: dict[str, Any], moment: int) -> dict[str, Any]:
    """Return a message made at a moment."""
    inner = body.get("Info")
    return {"Info": moved(inner, moment)} if inner else {**body, "screenTime": moment}


@pytest.mark.parametrize(
    ("kind", "bodies"),
    [(kind, bodies) for kind, _name, bodies in CASES],
    ids=[f"{kind} {name}" for kind, name, _bodies in CASES],
)
def test_people_of_one_minute_are_told_apart_and_repeats_are_not(
    wire: WireClient, terminal: Terminal, clock: MovingClock, kind: str, bodies: Bodies
) -> None:
    """What could not be read counted as nothing, and the second person as the first."""
    moment = int(clock.at)

    for body in bodies * 2:
        assert wire.post(kind, moved(body, moment))["ret"] == "0"

    assert list(Record.objects.values_list("repeats", flat=True)) == [1] * len(bodies)


def test_another_notation_of_what_was_measured_is_a_repeat(
    wire: WireClient, terminal: Terminal, clock: MovingClock
) -> None:
    moment = int(clock.at)
    for body in (
        {"userId": 1001, "temperature": 36.5, "mask": 1, "tick": 1},
        {"userId": "1001", "temperature": "36.5°C", "mask": "true", "tick": 2},
    ):
        wire.post("syface", moved(body, moment))

    assert Record.objects.get().repeats == 1


SIGNS: dict[str, Bodies] = {
    "similarity of strangers": [{"similarity": number} for number in (31, 32)],
    "unreadable ids": [{"userId": {"a": number}} for number in (1, 2)],
    "ids too large": [{"userId": 10**31 + number} for number in (0, 1)],
    "names": [{"name": name} for name in "AC"],
    "unreadable temperatures": [{"temperature": text} for text in ("warm", "hot")],
    "unreadable numbers": [{"id": {"a": number}} for number in (1, 2)],
}


@pytest.mark.parametrize("changes", SIGNS.values(), ids=SIGNS)
@pytest.mark.parametrize("origin", [Origin.PUSHED, Origin.FETCHED])
def test_a_terminals_own_records_without_a_number_are_told_apart(
    gate: Terminal, changes: Bodies, origin: Origin
) -> None:
    plain = sign(0, user_id="", ago_s=30, signAvatar="")

    stored = [
        sign_store(terminal=gate, sign={**plain, **one}, origin=origin) for one in changes * 2
    ]

    assert stored == [True, True, False, False]
