"""What became of each person's latest change on each terminal."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from devices.models import Site, Terminal
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Library, Person
from faces.services import (
    Feedback,
    deletes_repeat,
    deliveries_answered,
    deliveries_fill,
    library_erase,
    person_erase,
    person_save,
)
from faces.services.delivery import deliveries as module
from faces.tasks import deliveries_fill as fill_task
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def row(user_id: str = "1") -> Delivery:
    """Return the delivery of a person."""
    return Delivery.objects.get(user_id=user_id)


def states() -> dict[str, tuple[str, str, bool]]:
    """Return operation, state and held of every row by user id."""
    return {
        one.user_id: (one.operation, one.state, one.held) for one in Delivery.objects.order_by("pk")
    }


def say(wire: WireClient, user_id: str, code: str, message: str = "") -> None:
    """Let the terminal report a result."""
    answer = wire.post(
        "syresult", {"resultList": {"userID": user_id, "status": code, "msg": message}}
    )
    assert answer["ret"] == "0"


def test_a_save_is_pending_then_sent_then_stored(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    enrol(library, "1")
    assert states() == {"1": ("save", "pending", False)}

    wire.sync()
    assert states() == {"1": ("save", "sent", True)}
    assert row().sent_at is not None

    say(wire, "1", "100", "ok")
    assert states() == {"1": ("save", "stored", True)}
    assert (row().code, row().message) == ("100", "ok")
    assert row().answered_at is not None


@pytest.mark.parametrize(
    ("code", "state"),
    [("0", "stored"), ("100", "stored"), ("200", "stored"), ("113", "failed"), ("x", "failed")],
)
def test_the_terminals_own_code_and_words_are_kept(
    wire: WireClient, terminal: Terminal, library: Library, code: str, state: str
) -> None:
    enrol(library, "1")
    wire.sync()

    say(wire, "1", code, "图片下载失败" * 60)

    assert row().state == state
    assert row().code == code
    assert row().message == ("图片下载失败" * 60)[:255]


def test_a_newer_change_starts_over(wire: WireClient, terminal: Terminal, library: Library) -> None:
    person = enrol(library, "1")
    wire.sync()
    say(wire, "1", "113", "no face")

    person.name = "Later"
    person_save(person=person)

    assert states() == {"1": ("save", "pending", True)}
    assert (row().code, row().message) == ("", "")


def test_a_late_result_does_not_answer_the_newer_change(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1")
    wire.sync()
    person.name = "Later"
    person_save(person=person)

    say(wire, "1", "100", "the earlier one")
    assert states() == {"1": ("save", "pending", True)}
    assert row().message == "the earlier one"

    wire.sync()
    say(wire, "1", "100", "the later one")
    assert states() == {"1": ("save", "stored", True)}


def test_a_late_result_of_a_save_does_not_stop_a_delete_that_got_lost(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    """A result says of whom, not of which change: it was taken as the word on the delete."""
    person = enrol(library, "1")
    wire.sync()
    person_erase(person=person)
    lost, _ = wire.poll()
    say(wire, "1", "100", "of the save, after all")

    again, _ = wire.poll()

    assert [one["operation"] for one in lost] == ["delete"]
    assert [one["operation"] for one in again] == ["delete"]


def test_a_result_for_somebody_never_sent_is_kept(
    wire: WireClient, terminal: Terminal, library: Library, site: Site
) -> None:
    Person.objects.create(site=site, user_id="known", name="A")

    say(wire, "known", "100")
    say(wire, "stranger", "113", "no face")

    assert row("known").person == Person.objects.get()
    assert row("stranger").person is None
    assert {key: state for key, (_, state, _) in states().items()} == {
        "known": "stored",
        "stranger": "failed",
    }


def test_many_results_come_in_one_message(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    for number in range(5):
        enrol(library, str(number))
    wire.sync()

    wire.post(
        "syresult",
        {"resultList": [{"userID": str(number), "status": "100"} for number in range(5)]},
    )

    assert {state for _, state, _ in states().values()} == {DeliveryState.STORED}


def test_a_terminals_result_says_nothing_of_another_terminal(
    wire: WireClient, terminal: Terminal, library: Library, site: Site, token: str
) -> None:
    other = Terminal.objects.create(
        site=site, device_id="other", status="approved", all_libraries=True
    )
    enrol(library, "1")
    wire.sync()
    WireClient(token=token, device_id="other").sync()

    say(wire, "1", "100")

    told = dict(Delivery.objects.values_list("terminal_id", "state"))
    assert told == {terminal.pk: DeliveryState.STORED, other.pk: DeliveryState.SENT}


def test_a_person_entered_again_under_the_same_id_is_a_save_again(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person_erase(person=enrol(library, "1"))
    person = enrol(library, "1")
    wire.sync()
    person_erase(person=person)
    assert states() == {"1": ("delete", "pending", True)}

    enrol(library, "1")
    wire.sync()

    assert states() == {"1": ("save", "sent", True)}
    assert set(wire.held) == {"1"}


def test_a_refused_delete_is_repeated_three_times_and_then_left_to_the_manager(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1")
    wire.sync()
    person_erase(person=person)

    for attempt in range(1, 4):
        wire.sync()
        say(wire, "1", "500", "busy")
        assert (row().attempts, row().state) == (attempt, DeliveryState.FAILED)
        assert deletes_repeat() == 0  # not before its time
        repeated = deletes_repeat(now=timezone.now() + timedelta(minutes=11))
        assert repeated == (1 if attempt < 3 else 0)

    assert states() == {"1": ("delete", "failed", True)}


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Return what is queued, in place of the broker, of which tests have none."""
    sent: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "celery.current_app.send_task", lambda name, kwargs, **_: sent.append((name, kwargs))
    )
    monkeypatch.setattr(module, "INLINE_ROWS", 5)
    return sent


def test_a_change_that_concerns_many_terminals_is_filled_in_by_a_task(
    site: Site,
    library: Library,
    queued: list[tuple[str, dict[str, Any]]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    Terminal.objects.bulk_create(
        Terminal(site=site, device_id=str(number), status="approved", all_libraries=True)
        for number in range(8)
    )
    with django_capture_on_commit_callbacks(execute=True):
        person = enrol(library, "1")
    assert Delivery.objects.count() == 0
    filled = [kwargs for name, kwargs in queued if name == "faces.tasks.deliveries_fill"]
    assert {"site_id": site.pk, "person_ids": [person.pk]} in filled

    assert fill_task(**filled[-1]) == {"rows": 8}
    # The same task may run twice, and after the terminal has asked.
    assert fill_task(**filled[-1]) == {"rows": 0}
    assert set(Delivery.objects.values_list("state", flat=True)) == {DeliveryState.PENDING}


def test_a_terminal_does_not_wait_for_the_task(
    site: Site,
    terminal: Terminal,
    wire: WireClient,
    library: Library,
    queued: list[tuple[str, dict[str, Any]]],
) -> None:
    Terminal.objects.bulk_create(
        Terminal(site=site, device_id=str(number), status="approved", all_libraries=True)
        for number in range(8)
    )
    person = enrol(library, "1")

    wire.sync()
    say(wire, "1", "100")
    fill_task(site_id=site.pk, person_ids=[person.pk])

    mine = Delivery.objects.get(terminal=terminal)
    assert (mine.state, mine.held) == (DeliveryState.STORED, True)
    assert Delivery.objects.filter(state=DeliveryState.PENDING).count() == 8


def test_a_task_that_comes_after_the_person_has_gone_does_nothing(
    site: Site, terminal: Terminal, library: Library, wire: WireClient
) -> None:
    person = enrol(library, "1")
    person_id = person.pk
    person_erase(person=person)

    assert fill_task(site_id=site.pk, person_ids=[person_id]) == {"rows": 0}
    assert deliveries_fill(site_id=site.pk, person_ids=[]) == 0
    assert states() == {}


def test_an_erased_library_dooms_who_was_there_only_through_it(
    site: Site, terminal: Terminal, library: Library, wire: WireClient
) -> None:
    kept = Library.objects.create(site=site, name="Kept")
    enrol(library, "1")
    person_save(person=enrol(library, "2"), library_ids=[library.pk, kept.pk])
    wire.sync()

    library_erase(library=library)

    assert states() == {"1": ("delete", "pending", True), "2": ("save", "pending", True)}


def test_a_result_is_cut_to_what_the_columns_hold(terminal: Terminal) -> None:
    deliveries_answered(
        terminal=terminal, results=[Feedback(user_id="1", code="9" * 20, message="x" * 999)]
    )

    assert (row().code, len(row().message)) == ("9" * 8, 255)
    assert row().operation == Operation.SAVE
