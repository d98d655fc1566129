"""The further rules of a site, from the wire to the answer, and the trace they leave."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from devices.models import Site, Terminal
from faces.models import Library, LibraryPlan, Person, TimePlan
from records.choices import AlertKind, Reason
from records.models import Alert, PassRules, Record
from tests.support.factories import make_library, make_person, make_terminal, wire_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

Pass = Callable[..., int]


@pytest.fixture
def resident(site: Site, library: Library) -> Person:
    """Return somebody who may pass, without a photo: the site does not verify."""
    return make_person(site, user_id="7", libraries=[library])


@pytest.fixture
def doors(site: Site) -> dict[str, Terminal]:
    """Return a terminal for each way."""
    return {way: make_terminal(site, direction=way) for way in ("in", "out", "both", "unknown")}


@pytest.fixture
def walk(resident: Person, doors: dict[str, Terminal]) -> Pass:
    """Return a function that lets the resident try a door and returns openDoor."""

    def walk(way: str, **fields: Any) -> int:
        body = {"userId": "7", "screenTime": round(time.time() * 1000), **fields}
        return int(wire_of(doors[way]).post("syface", body)["openDoor"])

    return walk


def test_outside_its_hours_a_library_opens_no_door(
    site: Site, library: Library, walk: Pass
) -> None:
    never = TimePlan.objects.create(site=site, name="Never")
    LibraryPlan.objects.create(library=library, plan=never)

    assert walk("in") == 0
    record = Record.objects.get()
    assert record.reason == Reason.OUTSIDE_HOURS
    assert record.trace["person"]["libraries"] == [library.pk]
    assert record.trace["person"]["libraries_allowing"] == []


@pytest.mark.parametrize(("similarity", "opens"), [(79, 0), (80, 1), (None, 1)])
def test_a_terminal_that_is_not_sure_enough_opens_nothing(
    site: Site, walk: Pass, similarity: int | None, opens: int
) -> None:
    PassRules.objects.create(site=site, similarity_floor=80)

    assert walk("in", **({} if similarity is None else {"similarity": similarity})) == opens
    assert Record.objects.get().reason == (Reason.ALLOWED if opens else Reason.SIMILARITY_TOO_LOW)


def test_hard_lets_nobody_in_twice_before_they_came_out(site: Site, walk: Pass) -> None:
    PassRules.objects.create(site=site, passback="hard")

    assert [walk(way) for way in ("in", "in", "out", "out", "in")] == [1, 0, 1, 0, 1]
    refused = Record.objects.filter(reason=Reason.PASSED_BACK)
    assert refused.count() == 2
    assert set(Alert.objects.values_list("kind", "record")) == {
        (AlertKind.PASSED_BACK, record.pk) for record in refused
    }


def test_soft_opens_and_alerts(site: Site, walk: Pass) -> None:
    PassRules.objects.create(site=site, passback="soft")

    assert [walk("in"), walk("in")] == [1, 1]
    assert Alert.objects.get().kind == AlertKind.PASSED_BACK


def test_off_asks_nothing(walk: Pass) -> None:
    assert [walk("in"), walk("in")] == [1, 1]
    assert not Alert.objects.exists()


@pytest.mark.parametrize("way", ["both", "unknown"])
def test_a_door_without_one_direction_neither_asks_nor_counts(
    site: Site, walk: Pass, way: str
) -> None:
    PassRules.objects.create(site=site, passback="hard")

    assert [walk("in"), walk(way), walk(way), walk("in")] == [1, 1, 1, 0]


def test_after_the_sites_minutes_it_is_forgotten(site: Site, walk: Pass) -> None:
    PassRules.objects.create(site=site, passback="hard", passback_minutes=10)
    walk("in")
    Record.objects.update(received_at=timezone.now() - timedelta(minutes=9, seconds=50))
    assert walk("in") == 0

    Record.objects.update(received_at=timezone.now() - timedelta(minutes=10, seconds=1))
    assert walk("in") == 1


def test_a_door_that_stayed_closed_is_no_pass(site: Site, walk: Pass) -> None:
    PassRules.objects.create(site=site, passback="hard")

    assert [walk("in", temperature="39.0"), walk("in", temperature="36.5")] == [0, 1]


def test_somebody_elses_pass_counts_for_nobody_else(
    site: Site, library: Library, walk: Pass
) -> None:
    PassRules.objects.create(site=site, passback="hard")
    make_person(site, user_id="8", libraries=[library])

    assert [walk("in"), walk("in", userId="8")] == [1, 1]


@pytest.mark.django_db(transaction=True)
def test_two_doors_in_the_same_moment_let_one_in(
    site: Site, resident: Person, library: Library
) -> None:
    PassRules.objects.create(site=site, passback="hard")
    doors = [make_terminal(site, direction="in") for _ in range(6)]
    clients = [wire_of(door) for door in doors]
    start = threading.Barrier(len(doors))
    answers: list[int] = []

    def walk(number: int) -> None:
        start.wait()
        answer = clients[number].post("syface", {"userId": "7", "screenTime": int(time.time())})
        answers.append(answer["openDoor"])
        connection.close()

    threads = [threading.Thread(target=walk, args=[number]) for number in range(len(doors))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [0, 0, 0, 0, 0, 1]


def test_the_trace_holds_what_decided(site: Site, library: Library, walk: Pass) -> None:
    PassRules.objects.create(site=site, similarity_floor=50, passback="hard")
    walk("in", similarity=88, temperature="36.5", mask=True)

    trace = Record.objects.get().trace

    assert trace["rule"] == Reason.ALLOWED
    assert trace["policy"]["similarity_floor"] == 50
    assert trace["policy"]["temperature_limit_c"] == 37.3
    assert trace["policy"]["terminal_approved"] is True
    assert trace["person"]["libraries_allowing"] == [library.pk]
    assert trace["person"]["last_way"] is None
    assert (trace["evidence"]["temperature_c"], trace["evidence"]["similarity"]) == (36.5, 88)
    assert set(trace["ms"]) == {"decode", "decide"}
    assert sum(trace["ms"].values()) <= trace["total_ms"] + 0.2


def test_a_library_the_door_does_not_hold_is_named_as_such(
    site: Site, walk: Pass, doors: dict[str, Terminal]
) -> None:
    other = make_library(site)
    Person.objects.get().memberships.update(library=other)
    Terminal.objects.update(all_libraries=False)

    assert walk("in") == 0
    assert Record.objects.get().reason == Reason.NOT_AT_THIS_DOOR
