"""The page of refused calls, its hint, its REST list; deleting what was never approved."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from devices.choices import RefusedReason
from devices.models import AuditEntry, Terminal
from devices.services import refused_note
from records.models import Record
from tests.support.factories import api_of
from tests.support.first_page import tiles
from tests.support.two_sites import World, client_of
from tests.support.wire import WireClient

PAGE = "admin:devices_terminal_refused"


def mistype(world: World) -> None:
    """Call with one letter wrong in our address, in theirs, and with what nobody has."""
    for side in (world.ours, world.theirs):
        token = side.site.tokens.get().token
        WireClient(token=f"{token[:-1]}~", device_id=f"{side.site.name}-7").poll_refused()
    WireClient(token="nobody-has-this", device_id="1").poll_refused()


@pytest.mark.parametrize(
    ("who", "status", "rows"), [("manager", 200, 1), ("guard", 403, 0), ("superuser", 200, 3)]
)
def test_page_shows_what_its_reader_may_see(world: World, who: str, status: int, rows: int) -> None:
    mistype(world)

    answer = client_of(getattr(world, who)).get(reverse(PAGE))

    page = answer.content.decode()
    assert answer.status_code == status
    assert page.count("***/syrecord/") == rows
    assert ("Bravo" in page) is (who == "superuser")
    assert world.ours.site.tokens.get().token[:-1] not in page


def test_page_and_list_say_it_in_words(world: World) -> None:
    mistype(world)
    client = client_of(world.manager)

    page = client.get(reverse(PAGE)).content.decode()
    listed = client.get(reverse("admin:devices_terminal_changelist")).content.decode()

    assert "No site has this address" in page
    assert "looks like the address of site Alpha site with one letter wrong" in page
    assert f'href="{reverse(PAGE)}"' in listed


def test_a_refused_terminal_that_is_known_is_one_click_away(world: World) -> None:
    terminal = world.ours.terminal
    Terminal.objects.filter(pk=terminal.pk).update(status="disabled")
    token = world.ours.site.tokens.get().token
    WireClient(token=token, device_id=terminal.device_id).poll_refused()

    page = client_of(world.manager).get(reverse(PAGE)).content.decode()

    assert reverse("admin:devices_terminal_change", args=[terminal.pk]) in page


def test_first_page_hints_at_refused_calls(world: World) -> None:
    mistype(world)

    words = "callers refused in the last day"

    assert tiles(world, "manager")[words] == (1, reverse(PAGE))
    # Three calls, all from here: one caller.
    assert tiles(world, "superuser")[words] == (1, reverse(PAGE))
    assert words not in tiles(world, "guard")


def test_rest_lists_the_same(world: World) -> None:
    mistype(world)

    def listed(user: User) -> list[dict[str, object]]:
        answer = api_of(user).get("/api/v1/refused-calls/")
        assert answer.status_code == 200
        return list(answer.json()["results"])

    (row,) = listed(world.manager)
    assert (row["site"], row["looks_like"], row["reason"], row["count"]) == (
        world.ours.site.pk, "one_off", "wrong_token", 1,
    )  # fmt: skip
    assert (listed(world.guard), len(listed(world.superuser))) == ([], 3)


def test_rest_filters_by_site_and_shows_no_more_than_before(world: World) -> None:
    mistype(world)

    def listed(user: User, site: object) -> list[object]:
        answer = api_of(user).get("/api/v1/refused-calls/", {"site": site})
        assert answer.status_code == 200
        return [row["site"] for row in answer.json()["results"]]

    ours, theirs = world.ours.site.pk, world.theirs.site.pk
    assert set(listed(world.superuser, ours)) == {ours}
    assert set(listed(world.superuser, theirs)) <= {theirs}
    assert len(listed(world.superuser, "")) == 3
    assert (listed(world.manager, ours), listed(world.manager, theirs)) == ([ours], [])
    assert listed(world.guard, ours) == []
    wrong = api_of(world.superuser).get("/api/v1/refused-calls/", {"site": "x"})
    assert (wrong.status_code, list(wrong.json()["fields"])) == (400, ["site"])


def test_what_a_stranger_sends_is_shown_as_text(world: World) -> None:
    refused_note(
        path="/t/x/<script>alert(1)</script>",
        address="10.0.0.1",
        reason=RefusedReason.NO_SUCH_PATH,
        site_id=world.ours.site.pk,
    )

    page = client_of(world.manager).get(reverse(PAGE)).content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def delete(world: World, who: str, terminal: Terminal) -> int:
    address = reverse("admin:devices_terminal_delete", args=[terminal.pk])
    return client_of(getattr(world, who)).post(address, {"post": "yes"}).status_code


@pytest.mark.parametrize("status", ["pending", "disabled"])
def test_terminal_that_was_never_approved_is_deleted_on_its_page(world: World, status: str) -> None:
    new = Terminal.objects.create(site=world.ours.site, device_id="mistyped", status=status)
    change = reverse("admin:devices_terminal_change", args=[new.pk])
    delete_address = reverse("admin:devices_terminal_delete", args=[new.pk])
    client = client_of(world.manager)

    assert f'href="{delete_address}"' in client.get(change).content.decode()
    assert "mistyped" in client.get(delete_address).content.decode()
    assert delete(world, "manager", new) == 302
    assert not Terminal.objects.filter(pk=new.pk).exists()
    assert AuditEntry.objects.filter(name="mistyped", action="deleted", user=world.manager).exists()


@pytest.mark.parametrize("who", ["manager", "guard", "superuser"])
def test_terminals_that_were_approved_once_stay(world: World, who: str) -> None:
    once = Terminal.objects.create(
        site=world.ours.site, device_id="once", status="disabled", approved_at=timezone.now()
    )

    assert delete(world, who, world.ours.terminal) == 403
    assert delete(world, who, once) == 403
    assert Terminal.objects.filter(pk__in=[once.pk, world.ours.terminal.pk]).count() == 2


def test_neither_guards_nor_other_sites_delete(world: World) -> None:
    ours = Terminal.objects.create(site=world.ours.site, device_id="new")
    theirs = Terminal.objects.create(site=world.theirs.site, device_id="new")

    assert delete(world, "guard", ours) == 403
    assert delete(world, "manager", theirs) in {302, 403, 404}
    assert Terminal.objects.filter(device_id="new").count() == 2


def test_terminal_with_records_says_why_it_stays(world: World) -> None:
    new = Terminal.objects.create(site=world.ours.site, device_id="new")
    Record.objects.create(
        site=new.site,
        terminal=new,
        kind="pass",
        dedupe_key="x",
        received_at=timezone.now(),
        reason="terminal_not_approved",
    )
    address = reverse("admin:devices_terminal_delete", args=[new.pk])

    page = client_of(world.manager).get(address).content.decode()
    delete(world, "manager", new)

    assert "1 record of new" in page
    assert Terminal.objects.filter(pk=new.pk).exists()
