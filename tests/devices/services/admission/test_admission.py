"""Who is calling, and what their first request makes of them."""

import threading
from datetime import timedelta

import pytest
from django.db import connection

from devices.choices import TerminalStatus
from devices.models import Site, Terminal
from devices.services import Admission, Refusal, admit, site_create, site_token_rotate
from devices.services.admission import admission as module

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("automatic", [True, False])
def test_first_requests_at_once_make_one_terminal(site: Site, token: str, automatic: bool) -> None:
    Site.objects.update(auto_approve=automatic)
    outcomes: list[Admission | Refusal | BaseException] = []
    together = threading.Barrier(6)

    def call() -> None:
        try:
            together.wait(20)
            outcomes.append(admit(token=token, device_id="new", address="127.0.0.1"))
        except BaseException as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=call) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    terminal = Terminal.objects.get()
    assert terminal.status == ("approved" if automatic else "pending")
    assert len(outcomes) == 6
    for outcome in outcomes:
        assert isinstance(outcome, Admission), outcome
        assert outcome.terminal == terminal


def test_a_new_terminal_waits_for_approval(site: Site, token: str) -> None:
    Site.objects.update(auto_approve=False)

    first = admit(token=token, device_id=" 7 ", address="")
    again = admit(token=token, device_id="7", address="")

    assert isinstance(first, Admission)
    assert isinstance(again, Admission)
    assert (first.is_approved, first.terminal.device_id) == (False, "7")
    assert again.terminal == first.terminal
    assert first.terminal.all_libraries is False
    assert first.terminal.approved_at is None


@pytest.mark.parametrize("device_id", ["", "  ", "x" * 33, "a\x00b", "a\nb", "\u200b", "7\u202e"])
def test_ids_no_terminal_has_are_refused(site: Site, token: str, device_id: str) -> None:
    outcome = admit(token=token, device_id=device_id, address="")

    assert isinstance(outcome, Refusal)
    assert outcome.code == "30001"
    assert Terminal.objects.count() == 0


@pytest.mark.parametrize("device_id", ["0000001", "x" * 32, "门口 一", "A-1/b", "🚪"])
def test_numbers_and_texts_are_ids(site: Site, token: str, device_id: str) -> None:
    outcome = admit(token=token, device_id=device_id, address="")

    assert isinstance(outcome, Admission)
    assert outcome.terminal.device_id == device_id


def test_somebody_who_guesses_ids_does_not_fill_the_database(
    site: Site, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Site.objects.update(auto_approve=False)
    monkeypatch.setattr(module, "PENDING_MAX_PER_SITE", 3)
    for number in range(3):
        assert isinstance(admit(token=token, device_id=str(number), address=""), Admission)

    assert isinstance(admit(token=token, device_id="one too many", address=""), Refusal)
    assert isinstance(admit(token=token, device_id="1", address=""), Admission)

    Terminal.objects.filter(device_id="1").update(status=TerminalStatus.APPROVED)
    assert isinstance(admit(token=token, device_id="now there is room", address=""), Admission)


def test_the_same_id_at_two_sites_is_two_terminals(site: Site, token: str) -> None:
    other = site_create(code="other", name="Other")

    here = admit(token=token, device_id="1", address="")
    there = admit(token=other.tokens.get().token, device_id="1", address="")

    assert isinstance(here, Admission)
    assert isinstance(there, Admission)
    assert (here.terminal.site, there.terminal.site) == (site, other)


def test_a_token_ends_with_its_overlap(site: Site, token: str) -> None:
    newer = site_token_rotate(site=site, overlap=timedelta(minutes=5))
    assert isinstance(admit(token=token, device_id="1", address=""), Admission)
    assert isinstance(admit(token=newer.token, device_id="1", address=""), Admission)

    site.tokens.filter(ends_at__isnull=False).update(ends_at="2020-01-01T00:00:00Z")
    assert isinstance(admit(token=token, device_id="1", address=""), Refusal)
    assert isinstance(admit(token=newer.token, device_id="1", address=""), Admission)


@pytest.mark.parametrize(
    ("address", "is_let_in"),
    [("10.1.2.3", True), ("::ffff:10.1.2.3", True), ("11.0.0.1", False), ("", False),
     ("x", False)],
)  # fmt: skip
def test_a_site_may_name_the_networks_of_its_terminals(
    site: Site, token: str, address: str, is_let_in: bool
) -> None:
    Site.objects.update(allowed_networks=["10.0.0.0/8"])

    outcome = admit(token=token, device_id="1", address=address)

    assert isinstance(outcome, Admission) is is_let_in
    if isinstance(outcome, Refusal):
        assert outcome.code == "10004"


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_two_rotations_at_once_leave_one_current_token(site: Site) -> None:
    failures: list[BaseException] = []
    together = threading.Barrier(4)

    def rotate() -> None:
        try:
            together.wait(20)
            site_token_rotate(site=site, overlap=timedelta(hours=1))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=rotate) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert failures == []
    assert site.tokens.filter(ends_at__isnull=True).count() == 1
    assert site.tokens.count() == 5
