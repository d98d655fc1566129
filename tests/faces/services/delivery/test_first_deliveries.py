"""Deliveries exist from a terminal's approval on, however it came, and before its first poll."""

from typing import Any

import pytest

from devices.models import Site, Terminal
from faces.models import Delivery, Library, TerminalCursor
from faces.services import person_erase, terminal_expect, terminals_expect
from faces.services.delivery.first_deliveries import terminal_expect_batch
from faces.tasks import terminal_expect as expect_task
from faces.tasks import validity_sweep as sweep_task
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def newcomer(site: Site, library: Library, token: str) -> WireClient:
    """Return a terminal nobody knows yet, at a site with two people that approves by itself."""
    enrol(library, "1")
    enrol(library, "2")
    return WireClient(token=token, device_id="newcomer")


def states() -> dict[str, str]:
    return dict(Delivery.objects.order_by("pk").values_list("user_id", "state"))


def test_an_auto_approved_terminal_asks_for_its_rows(
    newcomer: WireClient, django_capture_on_commit_callbacks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, Any]] = []
    monkeypatch.setattr(
        "celery.current_app.send_task",
        lambda name, kwargs, **_: asked.append((name, kwargs)),
    )

    with django_capture_on_commit_callbacks(execute=True):
        newcomer.post("syheartbeat", "")

    terminal = Terminal.objects.get(device_id="newcomer")
    assert asked == [("faces.tasks.terminal_expect", {"terminal_id": terminal.pk})]
    assert expect_task(terminal_id=terminal.pk) == {"rows": 2}
    assert states() == {"1": "pending", "2": "pending"}


def test_the_sweep_finishes_what_no_task_came_for(newcomer: WireClient) -> None:
    newcomer.post("syheartbeat", "")
    assert states() == {}

    assert sweep_task()["first"] == 2
    assert sweep_task()["first"] == 0
    assert states() == {"1": "pending", "2": "pending"}


def test_batches_go_on_where_one_broke_off(newcomer: WireClient, library: Library) -> None:
    newcomer.post("syheartbeat", "")
    terminal = Terminal.objects.get(device_id="newcomer")
    assert terminal_expect_batch(terminal.pk, 2) == 2
    for number in range(3, 6):
        # Rows of these come with them.
        enrol(library, str(number))
    Delivery.objects.filter(user_id__in=["3", "4", "5"]).delete()

    assert terminals_expect(batch_most=2) == 3
    assert sorted(states()) == ["1", "2", "3", "4", "5"]


def test_rows_that_are_there_stay(newcomer: WireClient) -> None:
    newcomer.sync()
    newcomer.post("syresult", {"resultList": {"userID": "1", "status": "100", "msg": ""}})

    assert terminal_expect(terminal_id=Terminal.objects.get(device_id="newcomer").pk) == 0
    assert states() == {"1": "stored", "2": "sent"}


def test_the_first_poll_is_as_full_as_before(newcomer: WireClient) -> None:
    newcomer.post("syheartbeat", "")
    terminals_expect()

    newcomer.sync()

    assert set(newcomer.held) == {"1", "2"}
    assert states() == {"1": "sent", "2": "sent"}


def test_somebody_erased_before_the_first_poll_leaves_no_row(
    newcomer: WireClient, library: Library
) -> None:
    newcomer.post("syheartbeat", "")
    terminals_expect()

    person_erase(person=Delivery.objects.get(user_id="1").person)  # type: ignore[arg-type]

    assert states() == {"2": "pending"}


@pytest.mark.parametrize("status", ["pending", "disabled"])
def test_a_terminal_that_may_hold_nobody_gets_no_rows(
    site: Site, library: Library, status: str
) -> None:
    enrol(library, "1")
    terminal = Terminal.objects.create(
        site=site, device_id="shut", status=status, all_libraries=True
    )

    assert terminal_expect(terminal_id=terminal.pk) == 0
    assert terminals_expect() == 0
    assert states() == {}
    assert not TerminalCursor.objects.filter(terminal=terminal).exists()


def test_a_terminal_that_is_gone_is_nobodys_work() -> None:
    assert terminal_expect(terminal_id=12345) == 0
