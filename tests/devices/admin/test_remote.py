"""Pages of remote control: who sees what, what is asked twice, what is shown before it is sent."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from django.utils.translation import gettext

from devices.choices import CommandKind
from devices.models import Terminal, TerminalCommand, TerminalSettings
from devices.services import (
    SCHEDULE,
    command_work,
    commands_request,
    contact_pushes,
)
from menjin import translatable_words
from terminal_protocol.device_objects import NETWORK_OBJECT, PERI_PARA_OBJECT, SMART_FACE_OBJECT
from tests.support.called_terminal import door
from tests.support.terminal_api import PASSWORD, TerminalServer
from tests.support.two_sites import World, client_of

__all__ = ["door"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture(autouse=True)
def gate(world: World, door: TerminalServer) -> Terminal:
    """Return our terminal, which can be called; nothing else waits for it."""
    TerminalCommand.objects.all().delete()
    terminal = world.ours.terminal
    terminal.api_address, terminal.api_password = door.address, PASSWORD
    terminal.save()
    return terminal


def url(name: str, *terminals: Terminal) -> str:
    ids = ",".join(str(terminal.pk) for terminal in terminals)
    return f"{reverse(f'admin:devices_terminal_{name}')}?ids={ids}"


def allowed(user: User) -> Client:
    user.user_permissions.add(Permission.objects.get(codename="open_door"))
    return client_of(User.objects.get(pk=user.pk))


def text(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return str(response.content.decode())


def token_of(response: Any) -> str:
    found = re.search(r'name="confirm" value="([^"]+)"', response.content.decode())
    assert found is not None
    return found[1]


def test_the_door_is_opened_and_the_page_says_what_became_of_it(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    client = allowed(world.manager)

    answer = client.post(url("remote", gate), {"kind": "open_door", "reason": "parcel"})

    command = TerminalCommand.objects.get()
    assert answer.status_code == 302
    assert "Waiting" in text(client, answer["Location"])
    command_work(command_id=command.pk)
    page = text(client, answer["Location"])
    assert "Done" in page
    assert "data-open" not in page
    assert (command.requester, command.reason) == ("manager", "parcel")
    assert door.state.opened == ["parcel"]


def test_who_may_not_open_sees_no_button_and_is_refused(world: World, gate: Terminal) -> None:
    client = client_of(world.manager)

    assert 'value="open_door"' not in text(client, url("remote", gate))
    answer = client.post(url("remote", gate), {"kind": "open_door", "reason": "x"})

    assert answer.status_code == 403
    assert not TerminalCommand.objects.exists()


def test_a_guard_with_the_permission_opens_and_nothing_else(world: World, gate: Terminal) -> None:
    client = allowed(world.guard)
    page = text(client, url("remote", gate))

    assert 'value="open_door"' in page
    assert 'value="reboot"' not in page
    assert client.post(url("remote", gate), {"kind": "sync_time"}).status_code == 403
    assert client.post(url("remote_settings", gate), {"group": "perpara"}).status_code == 403


def test_terminals_of_another_site_are_not_there(world: World, gate: Terminal) -> None:
    client, theirs = allowed(world.manager), world.theirs.terminal

    for name in ("remote", "remote_settings"):
        assert client.get(url(name, theirs)).status_code == 404
        assert client.post(url(name, theirs), {"kind": "sync_time"}).status_code == 404
        assert "Bravo" not in text(client, url(name, gate, theirs))
    command = TerminalCommand.objects.create(
        terminal=theirs, kind="reboot", requester="x", expires_at=theirs.created_at
    )
    progress = reverse("admin:devices_terminal_remote_progress")
    assert client.get(f"{progress}?command={command.pk}").status_code == 404
    listed = text(client, reverse("admin:devices_terminalcommand_changelist"))
    assert "Bravo" not in listed


@pytest.mark.parametrize("query", ["", "?ids=", "?ids=x", "?ids=99999999999999999999", "?ids=0"])
def test_nonsense_is_not_there(world: World, query: str) -> None:
    address = reverse("admin:devices_terminal_remote") + query

    assert client_of(world.manager).get(address).status_code == 404


def test_a_restart_is_asked_twice(world: World, gate: Terminal, door: TerminalServer) -> None:
    client = client_of(world.manager)

    question = client.post(url("remote", gate), {"kind": "reboot"})
    assert not TerminalCommand.objects.exists()
    client.post(url("remote", gate), {"kind": "reboot", "confirm": token_of(question)})

    command_work(command_id=TerminalCommand.objects.get().pk)
    assert door.state.reboots == 1


def test_the_difference_is_shown_before_settings_are_sent(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    client = client_of(world.manager)
    client.post(url("remote", gate), {"kind": "settings_read"})
    command_work(command_id=TerminalCommand.objects.get().pk)
    assert "37.3" in text(client, url("remote_settings", gate) + "&group=smartface")

    form = {
        "kind": "settings_write",
        "group": "smartface",
        "smartface-faceThre": "8",
        "smartface-faceInterval": "6",
    }
    question = client.post(url("remote", gate), form)
    shown = question.content.decode()
    assert "faceThre" in shown
    # What is as it is already does not change.
    assert "<code>faceInterval</code>" not in shown
    client.post(url("remote", gate), {**form, "confirm": token_of(question)})

    command_work(command_id=TerminalCommand.objects.get(kind="settings_write").pk)
    assert door.state.objects["smartface"]["faceThre"] == 8
    row = TerminalSettings.objects.get(terminal=gate, group="smartface")
    assert row.desired == {"faceThre": 8, "faceInterval": 6}
    assert "As desired" in text(client, url("remote_settings", gate))


def test_what_is_to_be_sent_is_told_in_words_too(world: World, gate: Terminal) -> None:
    TerminalSettings.objects.create(
        terminal=gate, group="smartface", reported={"maskDetecEnable": 0}
    )
    form = {"kind": "settings_write", "group": "smartface", "smartface-maskDetecEnable": "1"}

    page = client_of(world.manager).post(url("remote", gate), form).content.decode()

    for words in ("maskDetecEnable", "mask detection", "0 off", "1 on"):
        assert words in page
    assert "never asked" not in page
    TerminalSettings.objects.all().delete()
    page = client_of(world.manager).post(url("remote", gate), form).content.decode()
    assert "never asked" in page


def test_it_is_seen_whether_records_are_pushed(world: World, gate: Terminal) -> None:
    client = client_of(world.manager)
    assert "pushed" not in text(client, url("remote", gate))

    gate.push_port = 9000
    gate.save()
    assert "Records are not pushed yet" in text(client, url("remote", gate))
    contact_pushes(terminal_id=gate.pk, is_connected=True)
    assert "Records are pushed; that began 0 s ago" in text(client, url("remote", gate))
    contact_pushes(terminal_id=gate.pk, is_connected=False)
    change = reverse("admin:devices_terminal_change", args=[gate.pk])
    assert "Records are not pushed; that ended 0 s ago" in text(client, change)


def test_pages_are_in_the_users_language(world: World, gate: Terminal) -> None:
    """The schedule was named in English, and our "No" had become everybody's: a filter offered
    "cancel" for no.
    """
    commands_request(kind=CommandKind.SYNC_TIME, terminals=[gate], requester=SCHEDULE)
    client = client_of(world.manager)
    client.cookies["django_language"] = "zh-hans"

    assert "定时任务" in text(client, url("remote", gate))
    assert "定时任务" in text(client, reverse("admin:devices_terminalcommand_changelist"))
    with translation.override("zh-hans"):
        assert gettext("No") == "否"


def test_settings_out_of_range_are_shown_where_they_are_wrong(world: World, gate: Terminal) -> None:
    client = client_of(world.manager)
    form = {"kind": "settings_write", "group": "smartface", "smartface-faceThre": "11"}

    page = client.post(url("remote", gate), form).content.decode()

    assert "errorlist" in page
    assert not TerminalCommand.objects.exists()


def test_drift_is_seen_before_the_settings_are_opened(world: World, gate: Terminal) -> None:
    client = client_of(world.manager)
    assert "as desired" not in text(client, url("remote", gate))

    TerminalSettings.objects.create(
        terminal=gate,
        group="smartface",
        desired={"faceThre": 8, "faceFrame": 1, "imgType": 0},
        reported={"faceThre": 5, "faceFrame": 0, "imgType": 0},
    )

    assert "2 settings are not as desired" in text(client, url("remote", gate))


def test_settings_can_be_noted_without_being_sent(world: World, gate: Terminal) -> None:
    client = client_of(world.manager)

    client.post(url("remote_settings", gate), {"group": "perpara", "perpara-unlockOuttime": "7"})

    row = TerminalSettings.objects.get()
    assert (row.desired, row.desired_by) == ({"unlockOuttime": 7}, "manager")
    assert not TerminalCommand.objects.exists()


def test_a_terminal_behind_nat_is_told_so_plainly(world: World, gate: Terminal) -> None:
    Terminal.objects.update(api_address="")
    client = allowed(world.manager)

    page = text(client, url("remote", gate))
    assert "The platform cannot call this terminal." in page
    assert "What needs no call still works" in page

    answer = client.post(url("remote", gate), {"kind": "open_door", "reason": "x"})
    assert "No address of the terminal is entered" in text(client, answer["Location"])


def test_many_terminals_are_chosen_in_the_list_and_followed_on_one_page(
    world: World, gate: Terminal
) -> None:
    others = [
        Terminal.objects.create(site=gate.site, device_id=f"d{number}", status="approved")
        for number in range(30)
    ]
    client = client_of(world.manager)
    rows = [terminal.pk for terminal in (gate, *others)]

    chosen = client.post(
        reverse("admin:devices_terminal_changelist"),
        {"action": "remote", "_selected_action": rows},
    )
    answer = client.post(chosen["Location"], {"kind": "sync_time"})
    page = text(client, answer["Location"])

    assert TerminalCommand.objects.count() == 31
    assert "30 / 31" in page
    assert "data-open" in page
    part = text(client, answer["Location"] + "&part=1")
    assert "<html" not in part


def test_the_pages_ask_the_same_few_questions_for_many_terminals(
    world: World, gate: Terminal, django_assert_max_num_queries: Any
) -> None:
    others = [
        Terminal.objects.create(site=gate.site, device_id=f"d{number}") for number in range(40)
    ]
    client = client_of(world.manager)
    client.get(url("remote", gate))

    with django_assert_max_num_queries(70):
        client.get(url("remote", gate, *others))


def test_the_password_is_on_no_page(world: World, gate: Terminal) -> None:
    client = client_of(world.superuser)
    form = reverse("admin:devices_terminal_change", args=[gate.pk])

    for address in (form, url("remote", gate), url("remote_settings", gate)):
        assert PASSWORD not in text(client, address)


def test_commands_are_looked_at_and_cancelled_only(world: World, gate: Terminal) -> None:
    client = client_of(world.manager)
    client.post(url("remote", gate), {"kind": "sync_time"})
    command = TerminalCommand.objects.get()
    change = reverse("admin:devices_terminalcommand_change", args=[command.pk])
    assert "Set the clock" in text(client, change)

    client.post(
        reverse("admin:devices_terminalcommand_changelist"),
        {"action": "cancel", "_selected_action": [command.pk]},
    )

    command.refresh_from_db()
    assert command.state == "cancelled"
    assert client.post(change, {"state": "done"}).status_code == 403


def test_a_superuser_sends_a_json_command_and_sees_its_answer(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    door.state.command_answer = {"code": 200, "desc": "<done>", "json": {"volumeOut": 9}}
    client = client_of(world.superuser)
    form = {"kind": "json", "payload": '{"cmd": "get", "object": "音频"}', "reason": "louder"}
    assert 'value="json"' in text(client, url("remote", gate))

    answer = client.post(url("remote", gate), form)

    command = TerminalCommand.objects.get()
    command_work(command_id=command.pk)
    assert door.state.commands == [{"cmd": "get", "object": "音频"}]
    change = reverse("admin:devices_terminalcommand_change", args=[command.pk])
    for address in (answer["Location"], change):
        page = text(client, address)
        assert "音频" in page
        assert "&quot;volumeOut&quot;: 9" in page
        assert "&lt;done&gt;" in page
    listed = text(client, reverse("admin:devices_terminalcommand_changelist"))
    assert "louder" in listed
    assert "volumeOut" not in listed


def test_managers_neither_send_json_commands_nor_see_what_they_say(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    door.state.command_answer = {"code": 200, "json": {"secret": "hush"}}
    client, form = allowed(world.manager), {"kind": "json", "payload": '{"cmd": "hush"}'}
    sent = client_of(world.superuser).post(url("remote", gate), form)
    command = TerminalCommand.objects.get()
    command_work(command_id=command.pk)

    assert client.post(url("remote", gate), form).status_code == 403
    assert TerminalCommand.objects.count() == 1
    change = reverse("admin:devices_terminalcommand_change", args=[command.pk])
    for address in (url("remote", gate), sent["Location"], change):
        page = text(client, address)
        assert "hush" not in page
        assert 'value="json"' not in page
        assert "Send a JSON command" in page


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ('{"cmd": "get",\n "object": }', "line 2, character 12"),
        ("[1]", "Give a JSON object."),
        ("", "Give a JSON object."),
        ('{"a":' * 100_000, "This is not JSON"),
    ],
    ids=["broken", "list", "empty", "deep"],
)
def test_a_json_command_that_is_none_is_shown_again_to_be_corrected(
    world: World, gate: Terminal, typed: str, words: str
) -> None:
    client = client_of(world.superuser)
    form = {"kind": "json", "payload": typed[:60_000]}

    page = client.post(url("remote", gate), form, follow=True).content.decode()

    assert words in page
    assert not typed or escape(typed[:40]) in page
    assert not TerminalCommand.objects.exists()


def test_a_json_command_for_many_terminals_is_asked_twice(world: World, gate: Terminal) -> None:
    second = Terminal.objects.create(site=gate.site, device_id="second", status="approved")
    client, form = client_of(world.superuser), {"kind": "json", "payload": '{"cmd": "status"}'}

    question = client.post(url("remote", gate, second), form)
    assert not TerminalCommand.objects.exists()
    client.post(url("remote", gate, second), {**form, "confirm": token_of(question)})

    assert TerminalCommand.objects.filter(kind="json").count() == 2


def test_every_setting_has_words_to_be_translated() -> None:
    words = {
        row.label
        for table in (NETWORK_OBJECT, SMART_FACE_OBJECT, PERI_PARA_OBJECT)
        for row in table.fields
    }

    assert words == set(translatable_words.TERMINAL_SETTINGS)
