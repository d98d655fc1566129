"""The same message again: one record, and a door that opens for seconds only (invariant 2)."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from devices.models import Site, Terminal
from devices.services import terminal_disable
from faces.models import Library, LibraryPlan, Person, TimePlan
from faces.services import person_erase, person_save
from records.choices import Reason
from records.models import Alert, PassRules, Record
from records.services import not_this_person
from tests.support.factories import make_library, make_person, make_terminal, wire_of
from tests.support.moving_clock import MovingClock
from tests.support.sent_pictures import picture
from tests.support.two_sites import World, client_of
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def resident(site: Site, library: Library) -> Person:
    """Return somebody who may pass."""
    return make_person(site, user_id="7", libraries=[library])


@pytest.fixture
def passing(clock: MovingClock, resident: Person, terminal: Terminal) -> dict[str, Any]:
    """Return what the terminal sends when the resident stands there."""
    return {"userId": "7", "screenTime": int(clock.at), "temperature": "36.5", "mask": True}


@pytest.mark.parametrize(("seconds", "opens"), [(0, 1), (5, 1), (20, 1), (20.5, 0), (86400, 0)])
def test_a_repeat_opens_within_twenty_seconds_of_the_first_arrival(
    wire: WireClient, clock: MovingClock, passing: dict[str, Any], seconds: float, opens: int
) -> None:
    first = wire.post("syface", passing)
    clock.pass_by(seconds)

    again = wire.post("syface", passing)

    assert (first["openDoor"], again["openDoor"]) == (1, opens)
    assert {name: again[name] for name in again if name != "openDoor"} == {
        name: first[name] for name in first if name != "openDoor"
    }
    assert Record.objects.count() == 1


def test_repeats_are_counted_on_the_first_record(
    wire: WireClient, clock: MovingClock, passing: dict[str, Any]
) -> None:
    wire.post("syface", passing)
    before = Record.objects.get()
    for _ in range(3):
        clock.pass_by(30)
        wire.post("syface", passing)

    record = Record.objects.get()
    assert (before.repeats, before.repeated_at) == (0, None)
    assert (record.repeats, record.repeated_at) == (3, clock.now)
    assert (record.door_opened, record.reason) == (True, Reason.ALLOWED)
    assert record.received_at == before.received_at


@pytest.mark.parametrize("again", ["{}", "{}.0", "{}000", "{}000000", "{}000000000", " {} "])
def test_a_repeat_may_write_its_moment_otherwise(
    wire: WireClient, clock: MovingClock, passing: dict[str, Any], again: str
) -> None:
    assert wire.post("syface", passing)["openDoor"] == 1
    clock.pass_by(43)

    said = {**passing, "screenTime": again.format(passing["screenTime"])}

    assert wire.post("syface", said)["openDoor"] == 0
    assert Record.objects.get().repeats == 1


def test_a_moment_that_cannot_be_read_is_named_by_its_spelling(
    wire: WireClient, clock: MovingClock, passing: dict[str, Any]
) -> None:
    for said in ("soon", "soon", "later"):
        clock.pass_by(30)
        wire.post("syface", {**passing, "screenTime": said})

    assert [one.repeats for one in Record.objects.order_by("pk")] == [1, 0]


Change = Callable[[Site, Terminal, Person, Library], object]
CHANGES: dict[str, Change] = {
    "blacklisted": lambda site, terminal, person, library: Person.objects.update(category=3),
    "suspended": lambda site, terminal, person, library: Person.objects.update(state="suspended"),
    "erased": lambda site, terminal, person, library: person_erase(person=person),
    "outside hours": lambda site, terminal, person, library: LibraryPlan.objects.create(
        library=library, plan=TimePlan.objects.create(site=site, name="Never")
    ),
    "of another library": lambda site, terminal, person, library: person_save(
        person=person, library_ids=[]
    ),
    "fever by a new limit": lambda site, terminal, person, library: Site.objects.update(
        temperature_limit_c=Decimal("36.2")
    ),
    "terminal waits for approval": lambda site, terminal, person, library: Terminal.objects.update(
        status="pending"
    ),
    "faces are asked for": lambda site, terminal, person, library: Site.objects.update(
        verification="enforce"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_repeat_opens_only_if_a_fresh_decision_would(
    wire: WireClient,
    site: Site,
    terminal: Terminal,
    resident: Person,
    library: Library,
    passing: dict[str, Any],
    change: Change,
) -> None:
    assert wire.post("syface", passing)["openDoor"] == 1
    change(site, terminal, resident, library)

    again = wire.post("syface", passing)

    assert (again["ret"], again["openDoor"]) == ("0", 0)
    assert Record.objects.count() == 1


def test_a_disabled_terminals_repeat_is_refused(
    wire: WireClient, terminal: Terminal, passing: dict[str, Any]
) -> None:
    wire.post("syface", passing)
    terminal_disable(terminal=terminal)

    again = wire.post("syface", passing)

    assert again["ret"] == "10005"
    assert "openDoor" not in again


def test_a_closed_door_is_not_opened_by_repeating(
    wire: WireClient, passing: dict[str, Any]
) -> None:
    Person.objects.update(state="suspended")
    assert wire.post("syface", passing)["openDoor"] == 0
    Person.objects.update(state="active")

    assert wire.post("syface", passing)["openDoor"] == 0


def test_a_face_refused_since_opens_nothing_again(
    wire: WireClient,
    terminal: Terminal,
    clock: MovingClock,
    obama: Person,
    portraits: dict[str, Any],
    pictured: Callable[[str], str],
) -> None:
    Site.objects.update(verification="enforce")
    body = {"userId": "1001", "screenTime": int(clock.at), "img": pictured("obama2.jpg")}
    assert wire.post("syface", body)["openDoor"] == 1
    not_this_person(record=Record.objects.get(), user=None)

    assert wire.post("syface", body)["openDoor"] == 0


@pytest.fixture
def pictured(portraits: dict[str, Any]) -> Callable[[str], str]:
    """Return a function that reads a portrait as a terminal sends it."""
    return lambda name: picture(portraits[name])


def test_a_pass_does_not_count_against_its_own_repeat(
    site: Site, library: Library, resident: Person, clock: MovingClock
) -> None:
    PassRules.objects.create(site=site, passback="hard")
    into, other = (wire_of(make_terminal(site, direction="in")) for _ in range(2))
    body = {"userId": "7", "screenTime": int(clock.at)}

    answers = [one.post("syface", body)["openDoor"] for one in (into, into, other, into)]

    assert answers == [1, 1, 0, 1]
    assert Alert.objects.count() == 1


def test_a_message_that_has_grown_old_meanwhile_opens_nothing(
    wire: WireClient, clock: MovingClock, passing: dict[str, Any]
) -> None:
    passing["screenTime"] -= 55
    assert wire.post("syface", passing)["openDoor"] == 1
    clock.pass_by(10)

    assert wire.post("syface", passing)["openDoor"] == 0


@pytest.mark.parametrize("policy", ["strict", "lenient"])
def test_lenient_sites_open_no_repeat_later_either(
    wire: WireClient, clock: MovingClock, passing: dict[str, Any], policy: str
) -> None:
    Site.objects.update(late_passes=policy)
    wire.post("syface", passing)
    clock.pass_by(21)

    assert wire.post("syface", passing)["openDoor"] == 0


def test_a_reading_that_is_repeated_is_counted_too(
    wire: WireClient, terminal: Terminal, clock: MovingClock
) -> None:
    body = {"temperature": "38.5", "screenTime": int(clock.at)}

    for _ in range(3):
        assert wire.post("syattribute", body)["ret"] == "0"

    assert Record.objects.get().repeats == 2
    assert Alert.objects.count() == 1


def test_what_a_manager_sees_of_late_and_repeated(world: World, clock: MovingClock) -> None:
    terminal = world.ours.terminal
    library = make_library(world.ours.site)
    make_person(world.ours.site, user_id="7", libraries=[library])
    wire = wire_of(terminal)
    wire.post("syface", {"userId": "7", "screenTime": int(clock.at)})
    old = {"userId": "8", "screenTime": int(clock.at) - 7200}
    clock.pass_by(1)
    wire.post("syface", old)
    wire.post("syface", old)
    wire.post("syface", old)
    record = Record.objects.get(user_id="8")
    client = client_of(world.manager)

    listed = client.get(reverse("admin:records_record_changelist"), {"is_late__exact": 1})
    page = client.get(reverse("admin:records_record_change", args=[record.pk]))
    card = client.get(reverse("console:live-state")).json()["records"][0]

    words = "late: 2 h 0 min · repeated 2 times"
    assert words in listed.content.decode()
    assert words in page.content.decode()
    assert card["reason"].endswith(words)
