"""Asking terminals for something over REST: who may, what is asked twice, what is told."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from rest_framework.test import APIClient

from devices.models import Terminal, TerminalCommand, TerminalSettings
from devices.services import command_work
from tests.support.called_terminal import door
from tests.support.factories import api_of
from tests.support.terminal_api import PASSWORD, TerminalServer
from tests.support.two_sites import World

__all__ = ["door"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
COMMANDS = "/api/v1/commands/"


@pytest.fixture(autouse=True)
def gate(world: World, door: TerminalServer) -> Terminal:
    """Return our terminal, which can be called; nothing else waits for it."""
    TerminalCommand.objects.all().delete()
    terminal = world.ours.terminal
    terminal.api_address, terminal.api_password = door.address, PASSWORD
    terminal.save()
    return terminal


def may_open(user: User) -> APIClient:
    """Return a program of a user who was given the permission to open doors."""
    user.user_permissions.add(Permission.objects.get(codename="open_door"))
    return api_of(User.objects.get(pk=user.pk))


def post(client: APIClient, **body: Any) -> Any:
    return client.post(COMMANDS, body, format="json")


def test_a_guard_who_was_given_the_permission_opens_the_door(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    guard = may_open(world.guard)

    asked = guard.post(f"/api/v1/devices/{gate.pk}/open/", {"reason": "parcel"}, format="json")

    assert asked.status_code == 202
    command_work(command_id=asked.json()["id"])
    told = guard.get(f"{COMMANDS}{asked.json()['id']}/").json()
    assert (told["state"], told["reason"], told["requester"]) == ("done", "parcel", "guard")
    assert door.state.opened == ["parcel"]


@pytest.mark.parametrize("who", ["manager", "guard"])
def test_being_a_member_does_not_open_doors(world: World, gate: Terminal, who: str) -> None:
    client = api_of(getattr(world, who))

    direct = client.post(f"/api/v1/devices/{gate.pk}/open/", {"reason": "x"}, format="json")
    listed = post(client, kind="open_door", devices=[gate.pk], reason="x")

    assert (direct.status_code, listed.status_code) == (403, 403)
    assert not TerminalCommand.objects.exists()


def test_the_permission_does_not_reach_beyond_the_own_site(world: World) -> None:
    client = may_open(world.manager)
    theirs = world.theirs.terminal.pk

    answers = [
        client.post(f"/api/v1/devices/{theirs}/open/", {"reason": "x"}, format="json"),
        post(client, kind="open_door", devices=[theirs], reason="x"),
        post(client, kind="sync_time", devices=[world.ours.terminal.pk, theirs]),
    ]

    assert [answer.status_code for answer in answers] == [404, 400, 400]
    assert not TerminalCommand.objects.exists()


def test_a_door_is_not_opened_without_a_reason(world: World, gate: Terminal) -> None:
    client = may_open(world.manager)

    for body in ({}, {"reason": ""}, {"reason": " "}, {"reason": "x" * 256}):
        answer = client.post(f"/api/v1/devices/{gate.pk}/open/", body, format="json")
        assert answer.status_code == 400
        assert "reason" in answer.json()["fields"]
    assert post(client, kind="open_door", devices=[gate.pk]).status_code == 400


def test_guards_ask_for_nothing_else(guard: APIClient, gate: Terminal) -> None:
    for kind in ("sync_time", "reboot", "people_push", "records_pull", "settings_read"):
        assert post(guard, kind=kind, devices=[gate.pk]).status_code == 400
    body = {"group": "smartface", "desired": {"faceThre": 3}}
    answer = guard.put(f"/api/v1/devices/{gate.pk}/settings/", body, format="json")
    assert answer.status_code == 403
    assert not TerminalCommand.objects.exists()


@pytest.mark.parametrize("kind", ["reboot", "people_wipe", "people_repair"])
def test_what_is_dangerous_is_asked_twice(manager: APIClient, gate: Terminal, kind: str) -> None:
    first = post(manager, kind=kind, devices=[gate.pk])
    assert first.status_code == 409
    assert first.json()["error"] == "confirm"
    assert not TerminalCommand.objects.exists()

    second = post(manager, kind=kind, devices=[gate.pk], confirm=first.json()["confirm"])

    assert second.status_code == 202
    assert TerminalCommand.objects.get().kind == kind


def test_the_difference_is_told_before_settings_are_sent(
    manager: APIClient, gate: Terminal
) -> None:
    second = Terminal.objects.create(site=gate.site, device_id="second", status="approved")
    TerminalSettings.objects.create(
        terminal=gate, group="smartface", reported={"faceThre": 5, "faceFrame": 1}
    )
    body = {"group": "smartface", "values": {"faceThre": 3, "faceFrame": 1}}

    answer = post(manager, kind="settings_write", devices=[gate.pk, second.pk], **body)

    assert answer.status_code == 409
    assert answer.json()["changes"] == [
        {"device": gate.pk, "name": "faceThre", "reported": 5, "wanted": 3},
        {"device": second.pk, "name": "faceThre", "reported": None, "wanted": 3},
        {"device": second.pk, "name": "faceFrame", "reported": None, "wanted": 1},
    ]
    assert post(manager, kind="reboot", devices=[gate.pk]).json()["changes"] == []


def test_agreeing_to_one_thing_is_not_agreeing_to_another(
    world: World, manager: APIClient, root: APIClient, gate: Terminal
) -> None:
    second = Terminal.objects.create(site=gate.site, device_id="second", status="approved")
    values = {"faceThre": 3}
    body = {"kind": "settings_write", "group": "smartface", "values": values}
    token = post(manager, **body, devices=[gate.pk]).json()["confirm"]

    for client, change in (
        (manager, {"devices": [gate.pk, second.pk]}),
        (manager, {"devices": [gate.pk], "values": {"faceThre": 4}}),
        (manager, {"devices": [gate.pk], "kind": "reboot"}),
        (root, {"devices": [gate.pk]}),
        (manager, {"devices": [gate.pk], "confirm": token[:-2]}),
    ):
        answer = client.post(COMMANDS, {**body, "confirm": token, **change}, format="json")
        assert answer.status_code == 409
    assert post(manager, **body, devices=[gate.pk], confirm=token).status_code == 202


def test_opening_several_doors_is_asked_twice(world: World, gate: Terminal) -> None:
    second = Terminal.objects.create(site=gate.site, device_id="second", status="approved")
    client = may_open(world.manager)

    one = post(client, kind="open_door", devices=[gate.pk], reason="fire drill")
    both = post(client, kind="open_door", devices=[gate.pk, second.pk], reason="fire drill")

    assert (one.status_code, both.status_code) == (202, 409)


def test_several_terminals_are_one_batch_that_is_followed(
    manager: APIClient, gate: Terminal
) -> None:
    nat = Terminal.objects.create(site=gate.site, device_id="nat", status="approved")

    asked = post(manager, kind="sync_time", devices=[gate.pk, nat.pk, gate.pk])

    assert asked.status_code == 202
    rows = asked.json()
    assert [row["state"] for row in rows] == ["queued", "unreachable"]
    assert rows[1]["outcome"] == "no_address"
    followed = manager.get(COMMANDS, {"batch": rows[0]["batch"]}).json()
    assert followed["count"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "explode", "devices": [1]},
        {"kind": "sync_time"},
        {"kind": "sync_time", "devices": []},
        {"kind": "sync_time", "devices": ["x"]},
        {"kind": "sync_time", "devices": [10**30]},
        {"kind": "settings_write", "group": "audio", "values": {"x": 1}},
        {"kind": "settings_write", "group": "smartface"},
        {"kind": "settings_write", "group": "smartface", "values": {}},
        {"kind": "settings_write", "group": "smartface", "values": {"faceThre": 99}},
        {"kind": "settings_write", "group": "smartface", "values": {"sudo": 1}},
        {"kind": "people_push", "what": "some"},
        {"kind": "records_pull", "since": "yesterday"},
    ],
)
def test_what_makes_no_sense_is_refused(
    manager: APIClient, gate: Terminal, body: dict[str, Any]
) -> None:
    if (
        body.get("devices") is None
        and "explode" not in body["kind"]
        and body != {"kind": "sync_time"}
    ):
        body = {**body, "devices": [gate.pk]}

    assert manager.post(COMMANDS, body, format="json").status_code == 400
    assert not TerminalCommand.objects.exists()


def test_what_waits_can_be_cancelled_by_those_who_may_ask(
    manager: APIClient, guard: APIClient, gate: Terminal
) -> None:
    command = post(manager, kind="sync_time", devices=[gate.pk]).json()[0]

    assert guard.post(f"{COMMANDS}{command['id']}/cancel/").status_code == 403
    assert manager.post(f"{COMMANDS}{command['id']}/cancel/").json()["state"] == "cancelled"
    assert manager.post(f"{COMMANDS}{command['id']}/cancel/").status_code == 409


def test_wanted_settings_are_noted_and_their_drift_is_shown(
    manager: APIClient, gate: Terminal
) -> None:
    address = f"/api/v1/devices/{gate.pk}/settings/"
    command = post(manager, kind="settings_read", devices=[gate.pk]).json()[0]
    command_work(command_id=command["id"])

    body = {"group": "smartface", "desired": {"faceThre": "8"}}
    noted = manager.put(address, body, format="json").json()

    assert (noted["desired"], noted["drift"]) == ({"faceThre": 8}, ["faceThre"])
    assert noted["reported"]["faceThre"] == 5
    assert [row["group"] for row in manager.get(address).json()] == [
        "network",
        "smartface",
        "perpara",
    ]
    wrong = manager.put(address, {**body, "desired": {"faceThre": 80}}, format="json")
    assert wrong.status_code == 400
    assert "faceThre" in wrong.json()["fields"]


def test_the_address_is_host_and_port_and_the_password_is_never_told(
    world: World, gate: Terminal
) -> None:
    manager = may_open(world.manager)
    address = f"/api/v1/devices/{gate.pk}/"
    for wrong in ("http://10.0.0.7", "10.0.0.7/x", "a@b", "10.0.0.7:99999"):
        assert manager.patch(address, {"api_address": wrong}, format="json").status_code == 400

    body = {"api_address": "127.0.0.7", "api_password": "hushhush", "push_port": 9000}
    answer = manager.patch(address, body, format="json")

    assert answer.json()["api_address"] == "127.0.0.7"
    assert "hushhush" not in answer.content.decode()
    gate.refresh_from_db()
    assert gate.api_password == "hushhush"


def test_how_far_a_terminal_can_be_reached_is_told(manager: APIClient, gate: Terminal) -> None:
    def reach() -> str:
        return str(manager.get(f"/api/v1/devices/{gate.pk}/").json()["reach"])

    assert reach() == "never_called"
    command = post(manager, kind="settings_read", devices=[gate.pk]).json()[0]
    command_work(command_id=command["id"])
    assert reach() == "reachable"
    manager.patch(f"/api/v1/devices/{gate.pk}/", {"api_address": ""}, format="json")
    assert reach() == "not_callable"


def test_a_comparison_is_there_once_it_was_made(manager: APIClient, gate: Terminal) -> None:
    assert manager.get(f"/api/v1/devices/{gate.pk}/holdings/").status_code == 404


AUDIO = {"cmd": "get", "object": "AudioObject"}


def test_a_superuser_sends_a_json_command_and_reads_its_answer(
    root: APIClient, gate: Terminal, door: TerminalServer
) -> None:
    door.state.command_answer = {"code": 200, "json": {"volumeOut": 9}}

    asked = root.post(
        f"/api/v1/devices/{gate.pk}/commands/", {"kind": "json", "payload": AUDIO}, format="json"
    )

    assert asked.status_code == 202, asked.content
    command_work(command_id=asked.json()["id"])
    told = root.get(f"{COMMANDS}{asked.json()['id']}/").json()
    assert (told["state"], told["requester"]) == ("done", "root")
    assert told["json"] == {"sent": AUDIO, "answered": {"desc": "", "json": {"volumeOut": 9}}}
    assert door.state.commands == [AUDIO]


@pytest.mark.parametrize("who", ["manager", "guard"])
def test_json_commands_are_the_superusers(
    world: World, root: APIClient, gate: Terminal, door: TerminalServer, who: str
) -> None:
    """Being allowed to open doors does not help either, and nobody else sees what was said."""
    client = may_open(getattr(world, who))
    here = f"/api/v1/devices/{gate.pk}/commands/"
    body = {"kind": "json", "payload": {"cmd": "hush"}}

    direct = client.post(here, body, format="json")
    listed = post(client, devices=[gate.pk], **body)
    command = root.post(here, body, format="json").json()["id"]
    command_work(command_id=command)
    seen = client.get(f"{COMMANDS}{command}/")

    assert (direct.status_code, listed.status_code) == (403, 403)
    assert (seen.status_code, seen.json()["state"], seen.json()["json"]) == (200, "done", None)
    for address in (f"{COMMANDS}{command}/", COMMANDS):
        assert "hush" not in client.get(address).content.decode()
    assert client.post(f"{COMMANDS}{command}/cancel/").status_code == 403
    assert len(door.state.commands) == 1


def test_a_terminal_is_asked_for_anything_at_its_own_address(
    world: World, manager: APIClient, guard: APIClient, gate: Terminal
) -> None:
    here = f"/api/v1/devices/{gate.pk}/commands/"

    asked = manager.post(here, {"kind": "sync_time"}, format="json")
    twice = manager.post(here, {"kind": "reboot"}, format="json")
    agreed = manager.post(
        here, {"kind": "reboot", "confirm": twice.json()["confirm"]}, format="json"
    )

    assert (asked.status_code, asked.json()["device"]) == (202, gate.pk)
    assert (twice.status_code, agreed.status_code) == (409, 202)
    assert guard.post(here, {"kind": "sync_time"}, format="json").status_code == 400
    theirs = f"/api/v1/devices/{world.theirs.terminal.pk}/commands/"
    assert manager.post(theirs, {"kind": "sync_time"}, format="json").status_code == 404


def test_a_json_command_for_many_is_asked_twice(
    root: APIClient, gate: Terminal, door: TerminalServer
) -> None:
    second = Terminal.objects.create(site=gate.site, device_id="second", status="approved")
    body = {"kind": "json", "devices": [gate.pk, second.pk], "payload": AUDIO}

    first = post(root, **body)
    other = post(root, **{**body, "payload": {"cmd": "x"}, "confirm": first.json()["confirm"]})

    assert (first.status_code, other.status_code) == (409, 409)
    assert post(root, **body, confirm=first.json()["confirm"]).status_code == 202


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", '"x"', "7", "null", '{"a": "\\ud800"}', '{"a": 1e999}', '{"a":' * 5000 + "1"
     + "}" * 5000, '{"a": "' + "x" * 70_000 + '"}'],
)  # fmt: skip
def test_a_json_command_is_a_bounded_object(root: APIClient, gate: Terminal, text: str) -> None:
    answer = root.post(
        f"/api/v1/devices/{gate.pk}/commands/",
        f'{{"kind": "json", "payload": {text}}}',
        content_type="application/json",
    )

    assert answer.status_code == 400, answer.content
    assert not TerminalCommand.objects.exists()
