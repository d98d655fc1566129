"""``/api/v1/decisions/preview/``: the door's answer without a pass."""

from datetime import time
from typing import Any

import pytest
from rest_framework.test import APIClient

from devices.models import Site
from faces.models import LibraryPlan, TimePlan
from records.choices import VerificationResult
from records.models import Alert, PassRules, Record
from tests.support.factories import make_person, make_terminal
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PREVIEW = "/api/v1/decisions/preview/"


def ask(caller: APIClient, **changes: Any) -> Any:
    """Ask about our person at our door; a change to None leaves a field out."""
    body = {"user_id": "Alpha-1", "device_id": "Alpha-dev", **changes}
    body = {name: value for name, value in body.items() if value is not None}
    return caller.post(PREVIEW, body, format="json")


@pytest.fixture(autouse=True)
def _every_library(world: World) -> None:
    type(world.ours.terminal).objects.update(all_libraries=True)


@pytest.mark.parametrize("who", ["manager", "guard", "root"])
def test_members_are_told_what_would_be_decided(
    request: pytest.FixtureRequest, who: str, world: World
) -> None:
    answer = ask(request.getfixturevalue(who))

    assert answer.status_code == 200
    told = answer.json()
    assert (told["open_door"], told["reason"], told["reason_text"]) == (True, "allowed", "Allowed")
    assert told["unlock_delay_ms"] == world.ours.terminal.unlock_delay_ms
    assert told["person"] == world.ours.person.pk
    assert told["inputs"]["person"]["libraries"] == [world.ours.library.pk]


def test_nothing_is_stored(manager: APIClient, world: World) -> None:
    before = (Record.objects.count(), Alert.objects.count())

    ask(manager, temperature_c="39.5")

    assert (Record.objects.count(), Alert.objects.count()) == before


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": "nobody"}, "unknown_person"),
        ({"temperature_c": 37.3}, "fever"),
        ({"mask": False}, "no_mask"),
        ({"verification": "mismatch"}, "face_mismatch"),
        ({"verification": "no_face"}, "not_verifiable"),
        ({"similarity": 12}, "similarity_too_low"),
        ({"at": "2026-01-05T10:00:00+08:00"}, "allowed"),
        ({"at": "2026-01-05T18:00:00+08:00"}, "outside_hours"),
        ({"at": "2026-01-05T02:00:00"}, "allowed"),  # UTC
    ],
)
def test_what_is_supposed_decides(
    manager: APIClient, world: World, change: dict[str, Any], reason: str
) -> None:
    Site.objects.update(mask_required=True, verification="enforce")
    PassRules.objects.create(site=world.ours.site, similarity_floor=60)
    plan = TimePlan.objects.create(site=world.ours.site, name="Office")
    for weekday in range(7):
        whole = (time(0), time(0)) if weekday else (time(9), time(18))
        plan.intervals.create(weekday=weekday, starts_at=whole[0], ends_at=whole[1])
    LibraryPlan.objects.create(library=world.ours.library, plan=plan)
    change = {"at": "2026-01-06T10:00:00+08:00", **change}

    told = ask(manager, **change).json()

    assert told["reason"] == reason
    assert told["open_door"] is (reason == "allowed")


def test_every_result_of_a_look_can_be_supposed(manager: APIClient) -> None:
    for result in VerificationResult:
        assert ask(manager, verification=result.value).status_code == 200


def test_a_person_may_be_given_by_id(manager: APIClient, world: World) -> None:
    told = ask(manager, user_id=None, person=world.ours.person.pk).json()

    assert told["person"] == world.ours.person.pk


@pytest.mark.parametrize("who", ["manager", "guard"])
def test_another_sites_doors_and_people_do_not_exist(
    request: pytest.FixtureRequest, who: str, world: World
) -> None:
    caller = request.getfixturevalue(who)

    for change in (
        {"device_id": "Bravo-dev"},
        {"device_id": "Bravo-dev", "user_id": "Bravo-1"},
        {"site": world.theirs.site.pk},
        {"user_id": None, "person": world.theirs.person.pk},
        {"user_id": None, "person": 2**62},
    ):
        answer = ask(caller, **change)
        assert answer.status_code == 400
        assert answer.json()["fields"] == {
            "device_id": ["There is no such terminal for this person."]
        }
    assert ask(caller, user_id="Bravo-1").json()["reason"] == "unknown_person"


def test_strangers_are_refused(outsider: APIClient, world: World) -> None:
    assert ask(outsider).status_code == 403
    assert ask(APIClient()).status_code == 401


def test_equal_names_at_two_sites_are_told_apart(root: APIClient, world: World) -> None:
    make_terminal(world.theirs.site, device_id="Alpha-dev")

    assert ask(root).json()["site"] == world.ours.site.pk
    make_person(world.theirs.site, user_id="Alpha-1")
    assert set(ask(root).json()["fields"]) == {"site"}
    assert ask(root, site=world.theirs.site.pk).json()["reason"] == "not_at_this_door"


@pytest.mark.parametrize(
    "change",
    [
        {"at": "yesterday"},
        {"at": "0001-01-01T00:00:00+14:00"},
        {"at": "9999-12-31T23:59:59-12:00"},
        {"at": "1999-12-31T00:00:00Z"},
        {"temperature_c": "warm"},
        {"temperature_c": "NaN"},
        {"similarity": "nan"},
        {"similarity": 101},
        {"verification": "perhaps"},
        {"mask": "perhaps"},
        {"person": 1},
        {"user_id": None},
        {"device_id": None},
        {"user_id": None, "person": 2**63},
        {"site": "garden"},
        {"user_id": "\x00"},
    ],
)
def test_questions_that_make_no_sense_are_refused(
    manager: APIClient, change: dict[str, Any]
) -> None:
    answer = ask(manager, **change)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid"
