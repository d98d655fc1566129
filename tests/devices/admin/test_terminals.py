"""Terminals in the admin: presence, approval, libraries."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import SiteToken, Terminal, TerminalAddress
from devices.services import presence_flush, presence_seen
from faces.models import Delivery, TerminalCursor, TerminalLibrary
from tests.support.terminal_form import VALUES
from tests.support.two_sites import World, client_of

LIST = "admin:devices_terminal_changelist"


def press(world: World, action: str, *terminals: Terminal) -> None:
    rows = [terminal.pk for terminal in terminals]
    client_of(world.manager).post(reverse(LIST), {"action": action, "_selected_action": rows})


def test_dot_and_words_follow_the_last_sighting(world: World) -> None:
    terminal = world.ours.terminal
    client = client_of(world.manager)
    never = client.get(reverse(LIST)).content.decode()
    Terminal.objects.filter(pk=terminal.pk).update(
        last_seen_at=timezone.now() - timedelta(seconds=94)
    )
    online = client.get(reverse(LIST)).content.decode()
    Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=timezone.now() - timedelta(hours=5))
    offline = client.get(reverse(LIST)).content.decode()

    assert '<span class="mj-dot mj-quiet"></span>Never seen' in never
    assert '<span class="mj-dot mj-good"></span>Online' in online
    assert "94 s ago" in online
    assert '<span class="mj-dot mj-bad"></span>Offline' in offline
    assert "5 h ago" in offline


def test_sighting_that_is_not_in_the_database_yet_counts(world: World) -> None:
    presence_seen(terminal_id=world.ours.terminal.pk, address="10.0.0.7")

    page = client_of(world.manager).get(reverse(LIST)).content.decode()

    assert '<span class="mj-dot mj-good"></span>Online' in page


def test_list_asks_the_same_few_questions_for_many_terminals(
    world: World, django_assert_max_num_queries: object
) -> None:
    for number in range(30):
        Terminal.objects.create(site=world.ours.site, device_id=f"x{number}")
    client = client_of(world.manager)
    client.get(reverse(LIST))

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(reverse(LIST))


def test_approval_lets_the_terminal_have_its_people(world: World) -> None:
    world.ours.person.photos.update(status="ok")
    new = Terminal.objects.create(
        site=world.ours.site, device_id="new", status="pending", all_libraries=True
    )
    foreign = Terminal.objects.create(site=world.theirs.site, device_id="new", status="pending")

    press(world, "approve", new, foreign)

    new.refresh_from_db()
    foreign.refresh_from_db()
    assert (new.status, foreign.status) == ("approved", "pending")
    assert new.approved_at is not None
    assert Delivery.objects.filter(terminal=new, person=world.ours.person).exists()


def test_approving_a_terminal_without_libraries_warns(world: World) -> None:
    new = Terminal.objects.create(
        site=world.ours.site, device_id="new", name="New door", status="pending"
    )
    client = client_of(world.manager)

    answer = client.post(
        reverse(LIST), {"action": "approve", "_selected_action": [new.pk]}, follow=True
    )
    page = client.get(reverse("admin:devices_terminal_change", args=[new.pk])).content.decode()

    said = [(one.level_tag, str(one)) for one in answer.context["messages"]]
    words = "No face is sent to these yet, because they hold no library: New door."
    assert ("warning", words) in said
    assert '<span class="mj-badge mj-warn">No library</span>' in answer.content.decode()
    assert "It holds no library, so no face is sent to it." in page


def test_send_everything_again_makes_the_next_poll_a_full_one(world: World) -> None:
    for one in (world.ours, world.theirs):
        TerminalCursor.objects.create(terminal=one.terminal, issued=7, complete_from=5)

    press(world, "send_all", world.ours.terminal, world.theirs.terminal)

    assert TerminalCursor.objects.get(terminal=world.ours.terminal).complete_from is None
    assert TerminalCursor.objects.get(terminal=world.theirs.terminal).complete_from == 5


def test_libraries_are_set_on_the_form(world: World) -> None:
    terminal = world.ours.terminal
    address = reverse("admin:devices_terminal_change", args=[terminal.pk])

    answer = client_of(world.manager).post(
        address, {**VALUES, "held_libraries": [world.ours.library.pk]}
    )

    assert answer.status_code == 302
    assert TerminalLibrary.objects.filter(terminal=terminal, library=world.ours.library).exists()
    delivery = Delivery.objects.get(terminal=terminal, person=world.ours.person)
    assert delivery.operation == "save"


def test_library_of_another_site_is_refused(world: World) -> None:
    address = reverse("admin:devices_terminal_change", args=[world.ours.terminal.pk])

    answer = client_of(world.manager).post(
        address, {**VALUES, "held_libraries": [world.theirs.library.pk]}
    )

    assert answer.status_code == 200
    assert answer.context["errors"]
    assert not TerminalLibrary.objects.exists()


def test_form_does_not_put_presence_back(world: World) -> None:
    """A form lies open for minutes while heartbeats go on; saving it must not undo them."""
    terminal = world.ours.terminal
    heard = timezone.now()
    Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=heard, presence="online")

    client_of(world.manager).post(
        reverse("admin:devices_terminal_change", args=[terminal.pk]), VALUES
    )

    terminal.refresh_from_db()
    assert (terminal.name, terminal.direction) == ("Front", "in")
    assert (terminal.last_seen_at, terminal.presence) == (heard, "online")


def test_password_is_replaced_and_never_shown(world: World) -> None:
    address = reverse("admin:devices_terminal_change", args=[world.ours.terminal.pk])
    client = client_of(world.manager)

    client.post(address, {**VALUES, "new_password": "hush-4711"})

    world.ours.terminal.refresh_from_db()
    assert world.ours.terminal.api_password == "hush-4711"
    assert "hush-4711" not in client.get(address).content.decode()


def test_page_counts_deliveries(world: World) -> None:
    address = reverse("admin:devices_terminal_change", args=[world.ours.terminal.pk])

    page = client_of(world.manager).get(address).content.decode()

    assert "1 Failed" in page


@pytest.mark.parametrize("presence", ["online", "offline", "never"])
def test_filter_by_connection(world: World, presence: str) -> None:
    Terminal.objects.filter(pk=world.ours.terminal.pk).update(presence=presence)

    answer = client_of(world.manager).get(reverse(LIST), {"presence__exact": presence})

    assert answer.context["cl"].result_count == 1


def test_new_terminal_cannot_be_entered_for_another_site(world: World) -> None:
    address = reverse("admin:devices_terminal_add")
    values = {"device_id": "x1", "direction": "in", "unlock_delay_ms": "3000"}
    client = client_of(world.manager)

    client.post(address, {**values, "site": world.theirs.site.pk})
    client.post(address, {**values, "site": world.ours.site.pk})

    assert list(Terminal.objects.filter(device_id="x1").values_list("site__code", flat=True)) == [
        "alpha"
    ]


def page_of(world: World, user: object) -> str:
    client = client_of(user)  # type: ignore[arg-type]
    url = reverse("admin:devices_terminal_change", args=[world.ours.terminal.pk])
    return client.get(url).content.decode()


def test_an_address_of_its_own_is_shown_with_its_code_to_managers_only(world: World) -> None:
    assert "None: every terminal of the site knows the address" in page_of(world, world.manager)

    press(world, "replace_address", world.ours.terminal, world.theirs.terminal)

    token = SiteToken.objects.get(terminal=world.ours.terminal).token
    shown = page_of(world, world.manager)
    assert f"http://testserver/t/{token}" in shown
    assert "<svg" in shown
    assert "<title>QR code</title>" in shown
    assert token not in page_of(world, world.guard)
    assert not SiteToken.objects.filter(terminal=world.theirs.terminal).exists()


def test_replacing_it_leaves_the_one_before_for_a_week(world: World) -> None:
    press(world, "replace_address", world.ours.terminal)
    press(world, "replace_address", world.ours.terminal)

    ends = list(SiteToken.objects.filter(terminal=world.ours.terminal).order_by("pk"))
    assert ends[0].ends_at is not None
    assert ends[0].ends_at > timezone.now() + timedelta(days=6)
    assert ends[1].ends_at is None


def test_back_to_the_sites_address(world: World) -> None:
    press(world, "replace_address", world.ours.terminal)
    Terminal.objects.update(own_address_since=timezone.now())

    press(world, "end_address", world.ours.terminal, world.theirs.terminal)

    world.ours.terminal.refresh_from_db()
    assert world.ours.terminal.own_address_since is None
    assert not SiteToken.objects.filter(terminal=world.ours.terminal, ends_at__isnull=True).exists()
    assert Terminal.objects.get(pk=world.theirs.terminal.pk).own_address_since is not None


def test_adoption_approves_and_gives_an_address(world: World) -> None:
    Terminal.objects.update(status="pending")

    press(world, "approve_own", world.ours.terminal, world.theirs.terminal)

    assert Terminal.objects.get(pk=world.ours.terminal.pk).status == "approved"
    assert Terminal.objects.get(pk=world.theirs.terminal.pk).status == "pending"
    owners = SiteToken.objects.filter(terminal__isnull=False).values_list("terminal_id", flat=True)
    assert list(owners) == [world.ours.terminal.pk]


def test_approving_anew_gives_no_address_to_one_that_is_approved(world: World) -> None:
    press(world, "approve_own", world.ours.terminal)

    assert not SiteToken.objects.filter(terminal__isnull=False).exists()


def moved(terminal: Terminal) -> None:
    """Let a terminal have called from two addresses."""
    for address in ("10.0.0.7", "10.0.0.8"):
        presence_seen(terminal_id=terminal.pk, address=address)
        presence_flush()


def test_page_offers_to_approve_a_new_address_and_does_it(world: World) -> None:
    terminal = world.ours.terminal
    moved(terminal)
    client = client_of(world.manager)
    page = reverse("admin:devices_terminal_change", args=[terminal.pk])
    target = reverse("admin:devices_terminal_approve_address", args=[terminal.pk])
    before = client.get(page).content.decode()
    assert 'name="address" value="10.0.0.8"' in before
    assert 'name="address" value="10.0.0.7"' not in before

    answer = client.post(target, {"address": "10.0.0.8"}, follow=True)

    assert "10.0.0.8 from now on" in answer.content.decode()
    assert 'name="address"' not in client.get(page).content.decode()
    assert terminal.addresses.get(address="10.0.0.8").approved_at is not None


def test_only_managers_of_the_site_approve_an_address(world: World) -> None:
    for terminal in (world.ours.terminal, world.theirs.terminal):
        moved(terminal)
    ours, theirs = (
        reverse("admin:devices_terminal_approve_address", args=[one.terminal.pk])
        for one in (world.ours, world.theirs)
    )
    given = {"address": "10.0.0.8"}

    assert client_of(world.guard).post(ours, given).status_code == 403
    assert client_of(world.manager).post(theirs, given).status_code == 404
    assert client_of(world.manager).post(ours, {"address": "nonsense"}).status_code == 404
    assert client_of(world.manager).get(ours).status_code == 405
    page = reverse("admin:devices_terminal_change", args=[world.ours.terminal.pk])
    assert 'name="address"' not in client_of(world.guard).get(page).content.decode()
    assert not TerminalAddress.objects.filter(approved_at__isnull=False).exists()
