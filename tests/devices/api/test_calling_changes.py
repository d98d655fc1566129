"""Calling a terminal elsewhere: the password again, the right to open, nothing of other sites."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from devices.choices import CommandKind
from devices.command_kinds import KINDS
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.services import SCHEDULE, command_work, commands_request
from tests.support.called_terminal import door
from tests.support.factories import api_of
from tests.support.terminal_api import PASSWORD, TerminalServer, terminal_server
from tests.support.terminal_form import VALUES
from tests.support.two_sites import World, client_of

__all__ = ["door"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
ELSEWHERE = "127.0.0.9:8899"


@pytest.fixture(autouse=True)
def gate(world: World, door: TerminalServer) -> Terminal:
    """Return our terminal, which can be called; nothing waits for it."""
    TerminalCommand.objects.all().delete()
    terminal = world.ours.terminal
    terminal.api_address, terminal.api_password = door.address, PASSWORD
    terminal.save()
    return terminal


@pytest.fixture
def opener(world: World) -> User:
    """Return the manager, who was given the right to open doors."""
    world.manager.user_permissions.add(Permission.objects.get(codename="open_door"))
    return User.objects.get(pk=world.manager.pk)


def by_rest(user: User, gate: Terminal, **values: Any) -> bool:
    """Change the terminal over REST; whether it was taken."""
    address = f"/api/v1/devices/{gate.pk}/"
    return bool(api_of(user).patch(address, values, format="json").status_code == 200)


def by_form(user: User, gate: Terminal, **values: Any) -> bool:
    """Change the terminal on its page; whether it was taken."""
    address = reverse("admin:devices_terminal_change", args=[gate.pk])
    given = {**VALUES, "api_address": gate.api_address, "push_port": gate.push_port or ""}
    if "api_password" in values:
        values["new_password"] = values.pop("api_password")
    client: Client = client_of(user)
    return bool(client.post(address, {**given, **values}).status_code == 302)


ways = pytest.mark.parametrize("change", [by_rest, by_form])


def stored(gate: Terminal) -> tuple[str, str, int | None]:
    gate.refresh_from_db()
    return gate.api_address, gate.api_password, gate.push_port


@ways
@pytest.mark.parametrize("values", [{"api_address": ELSEWHERE}, {"push_port": 9001}])
def test_a_new_address_or_port_needs_the_password_again(
    change: Any, opener: User, gate: Terminal, values: dict[str, Any]
) -> None:
    """A manager led a signed call to a listener of his own and used it at the door."""
    before = stored(gate)

    assert not change(opener, gate, **values)
    assert stored(gate) == before
    assert change(opener, gate, **values, api_password="another")
    assert stored(gate)[1] == "another"


@ways
def test_a_superuser_gives_the_password_again_too(
    change: Any, world: World, gate: Terminal
) -> None:
    assert not change(world.superuser, gate, api_address=ELSEWHERE)
    assert change(world.superuser, gate, api_address=ELSEWHERE, api_password="another")


@ways
def test_being_a_manager_leads_no_call_elsewhere(change: Any, world: World, gate: Terminal) -> None:
    before = stored(gate)

    change(world.manager, gate, api_address=ELSEWHERE, api_password="another")

    assert stored(gate)[0] == before[0]


def test_managers_enter_no_address_of_a_new_terminal_without_the_right_to_open(
    world: World, opener: User
) -> None:
    body = {"site": world.ours.site.pk, "device_id": "n1", "api_address": ELSEWHERE}
    world.guard.user_permissions.add(Permission.objects.get(codename="open_door"))

    for user, status in ((world.guard, 403), (opener, 201)):
        answer = api_of(User.objects.get(pk=user.pk)).post("/api/v1/devices/", body, format="json")
        assert answer.status_code == status


def test_a_manager_without_the_right_enters_a_terminal_without_an_address(
    manager: APIClient, world: World
) -> None:
    body = {"site": world.ours.site.pk, "device_id": "n1"}

    refused = manager.post("/api/v1/devices/", {**body, "push_port": 9000}, format="json")
    assert refused.status_code == 403
    assert manager.post("/api/v1/devices/", body, format="json").status_code == 201


@ways
@pytest.mark.parametrize("address", ["127.0.0.9", "127.0.0.9:8899", "[::ffff:127.0.0.9]:8899"])
def test_another_way_of_writing_the_same_address_needs_nothing(
    change: Any, opener: User, gate: Terminal, address: str
) -> None:
    Terminal.objects.filter(pk=gate.pk).update(api_address=ELSEWHERE)
    gate.refresh_from_db()

    assert change(opener, gate, api_address=address)


@ways
def test_taking_the_address_away_needs_nothing_and_gives_nothing(
    change: Any, opener: User, gate: Terminal
) -> None:
    assert change(opener, gate, api_address="")
    gate.refresh_from_db()
    assert not change(opener, gate, api_address=ELSEWHERE)
    assert stored(gate)[0] == ""


def refusal(user: User, gate: Terminal, **values: Any) -> Any:
    body = {**values, "api_password": "another"}
    answer = api_of(user).patch(f"/api/v1/devices/{gate.pk}/", body, format="json")
    assert answer.status_code == 400, answer.content
    return answer.json()


FORMS_OF_THIS_MACHINE = [
    "localhost", "localhost:80", "LOCALHOST:8899", "door.localhost", "localhost.localdomain:8899",
    "ip6-localhost", "localhost.", "localhost.:80", "127.0.0.1", "127.1", "2130706433",
    "0x7f000001", "0x7f.1", "0177.0.0.1", "127.0.0.1.", "127.0.0.1:80", "[::1]", "[::1]:8899",
    "::1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]:80", "[2002:7f00:1::1]", "[64:ff9b::7f00:1]",
    "0.0.0.0", "[::]", "door@127.0.0.1", "127.0.0.1:80@door.example", "http://127.0.0.1",
    "127.0.0.1:80:80", "127.0.0.1/door", "[fe80::1%25eth0]",
]  # fmt: skip
METADATA_FORMS = [
    "169.254.169.254", "169.254.169.254:80", "metadata.google.internal", "Metadata.Google.Internal",
    "metadata.goog:80", "metadata", "instance-data", "instance-data.ec2.internal",
    "metadata.tencentyun.com", "100.100.100.200", "[fd00:ec2::254]", "2852039166",
    "metadata.google.internal.",
]  # fmt: skip


@pytest.mark.slow
@ways
@pytest.mark.parametrize("who", ["manager", "superuser"])
def test_what_is_no_place_for_a_terminal_is_refused_before_it_is_called(
    change: Any, who: str, world: World, opener: User, gate: Terminal, settings: Any
) -> None:
    """``localhost:80`` was stored, and refused only by each call."""
    settings.TERMINAL_CALL_NETWORKS = []
    user = opener if who == "manager" else world.superuser
    before = stored(gate)

    taken = [
        form
        for form in [*FORMS_OF_THIS_MACHINE, *METADATA_FORMS]
        if change(user, gate, api_address=form, api_password="another") or stored(gate) != before
    ]

    assert taken == []
    assert change(user, gate, api_address="door.example:8899", api_password="another")


@ways
def test_this_machine_is_a_place_where_it_is_listed(
    change: Any, opener: User, gate: Terminal
) -> None:
    assert change(opener, gate, api_address="localhost:8890", api_password="another")


@pytest.mark.parametrize("taken", ["door.example:8899", "127.0.0.44", "[::ffff:127.0.0.44]:8899"])
def test_the_address_of_another_sites_terminal_is_refused_in_the_words_of_any_refusal(
    world: World, opener: User, gate: Terminal, taken: str
) -> None:
    Terminal.objects.filter(pk=world.theirs.terminal.pk).update(api_address=taken.lower())
    asked = taken.replace("door", "DOOR").replace("[::ffff:127.0.0.44]", "127.0.0.44")

    told = refusal(opener, gate, api_address=asked)

    assert told == refusal(opener, gate, api_address="169.254.169.254")
    assert by_rest(world.superuser, gate, api_address=asked, api_password="another")


def test_the_push_port_of_another_sites_terminal_is_refused_too(
    world: World, opener: User, gate: Terminal
) -> None:
    theirs = {"api_address": "127.0.0.44:8899", "push_port": 9000}
    Terminal.objects.filter(pk=world.theirs.terminal.pk).update(**theirs)

    refusal(opener, gate, api_address="127.0.0.44:9000")
    refusal(opener, gate, api_address="127.0.0.44:8890", push_port=9000)
    assert by_rest(opener, gate, api_address="127.0.0.44:8890", api_password="another")


def test_a_name_that_leads_to_another_sites_terminal_is_not_called(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    """What a name stands for is known only when it is called."""
    port = door.address.rpartition(":")[2]
    Terminal.objects.filter(pk=world.theirs.terminal.pk).update(api_address=f"127.0.0.1:{port}")
    Terminal.objects.filter(pk=gate.pk).update(api_address=f"localhost:{port}")
    gate.refresh_from_db()

    [command] = commands_request(
        kind=CommandKind.SETTINGS_READ, terminals=[gate], requester=SCHEDULE
    ).commands
    command_work(command_id=command.pk)

    command.refresh_from_db()
    assert (command.state, command.word) == ("unreachable", "forbidden_address")
    assert door.state.calls == []


def test_what_was_asked_before_is_not_sent_to_the_new_address(
    opener: User, gate: Terminal, door: TerminalServer
) -> None:
    asked = commands_request(kind=CommandKind.REBOOT, terminals=[gate], requester=SCHEDULE)
    TerminalContact.objects.update_or_create(terminal=gate, defaults={"clock_offset_ms": 77})

    with terminal_server() as other:
        assert by_rest(opener, gate, api_address=other.address, api_password=PASSWORD)
        command_work(command_id=asked.commands[0].pk)
        assert other.state.calls == door.state.calls == []

    [command] = TerminalCommand.objects.filter(pk=asked.commands[0].pk)
    assert (command.state, command.word) == ("cancelled", "address_changed")
    assert TerminalContact.objects.get(terminal=gate).clock_offset_ms == 0


def test_what_was_taken_before_ends_at_its_next_conversation(
    opener: User, gate: Terminal, door: TerminalServer
) -> None:
    """A worker that has taken a command holds the terminal's row of before."""
    asked = commands_request(kind=CommandKind.SYNC_TIME, terminals=[gate], requester=SCHEDULE)

    def moved_meanwhile(session: Any) -> Any:
        assert by_rest(opener, gate, api_address=ELSEWHERE, api_password="another")
        return KINDS[session.command.kind].work(session)

    command_work(command_id=asked.commands[0].pk, work=moved_meanwhile)

    [command] = TerminalCommand.objects.filter(pk=asked.commands[0].pk)
    assert (command.state, command.word) == ("unreachable", "address_changed")
    assert door.state.calls == []
