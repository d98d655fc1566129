"""What a kind says of itself is all that pages, REST, the queue and workers need."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.contrib.auth.models import Permission, User
from django.urls import reverse
from django.utils import timezone
from rest_framework import serializers

from devices.choices import CommandKind
from devices.command_kinds import (
    KINDS,
    SOON,
    CommandResult,
    Given,
    Kind,
    asks_twice,
    kind_choices,
    kind_words,
    kinds_load,
    register,
)
from devices.models import Terminal, TerminalCommand
from devices.services import commands_dispatch, commands_sweep
from tests.support.callers import world
from tests.support.commands import ask, run
from tests.support.factories import api_of
from tests.support.terminal_api import PASSWORD, TerminalServer
from tests.support.two_sites import World, client_of

__all__ = ["world"]
pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
COMMANDS = "/api/v1/commands/"
# All that is written to have a new kind of command.
RING_BELL = '''"""Ring the bell of a door."""

from datetime import timedelta

from django import forms
from django.core.exceptions import ValidationError
from rest_framework import serializers

from devices.calling import TerminalClient
from devices.command_kinds import CommandResult, Given, Kind, Permission, register
from devices.services import CallSession


def ring(session: CallSession) -> CommandResult:
    times = session.command.payload["times"]

    async def ask(client: TerminalClient) -> None:
        await client.call("jsonCmd", body={"ring": times}, deadline=session.deadline)

    session.talk(ask)
    return CommandResult(result={"rings": times})


def checked(given):
    if not given.get("times"):
        raise ValidationError({"times": "How often?"})
    return {"times": given["times"]}


register(
    Kind(
        name="ring_bell",
        words="Ring the bell",
        work=ring,
        expires=timedelta(seconds=20),
        permission=Permission(
            lambda user: user.has_perm("devices.open_door"), refusal="No bells for you."
        ),
        asks_twice=True,
        needs_reason=True,
        given={
            "times": Given(
                serializers.IntegerField(required=False, max_value=9),
                forms.IntegerField(required=False, max_value=9, label="How often"),
            )
        },
        check=checked,
        warns=lambda payload: f"It rings {payload['times']} times.",
        shows=lambda payload: [("times to ring", payload["times"])],
        counts={"rings": "rings heard"},
    )
)
'''


@pytest.fixture
def gate(world: World, door: TerminalServer) -> Terminal:
    """Return our terminal, which can be called; nothing else waits for it."""
    TerminalCommand.objects.all().delete()
    terminal = world.ours.terminal
    terminal.api_address, terminal.api_password = door.address, PASSWORD
    terminal.save()
    return terminal


@pytest.fixture
def ring_bell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kind]:
    """Return a kind that a package of one module brought; it is unknown again afterwards."""
    (tmp_path / "more_kinds").mkdir()
    (tmp_path / "more_kinds" / "__init__.py").write_text('"""More kinds."""\n')
    (tmp_path / "more_kinds" / "ring_bell.py").write_text(RING_BELL)
    monkeypatch.syspath_prepend(tmp_path)
    kinds_load("more_kinds")
    yield KINDS["ring_bell"]
    del KINDS["ring_bell"], sys.modules["more_kinds.ring_bell"], sys.modules["more_kinds"]


@pytest.fixture
def opener(world: World) -> User:
    """Return a manager who was given the permission that the bell needs."""
    world.manager.user_permissions.add(Permission.objects.get(codename="open_door"))
    return User.objects.get(pk=world.manager.pk)


def test_every_task_of_a_kind_is_registered() -> None:
    current_app.loader.import_default_modules()

    assert {spec.task for spec in KINDS.values()} <= set(current_app.tasks)
    assert {KINDS[kind].task.split(".")[0] for kind in CommandKind} == {
        "devices",
        "faces",
        "records",
    }


def test_every_shipped_kind_has_a_module_and_is_listed_in_its_order() -> None:
    assert [name for name, _words in kind_choices()] == list(CommandKind)


def test_a_name_is_given_once() -> None:
    first = KINDS["reboot"]
    other = Kind(name="reboot", words="x", work=lambda _session: CommandResult(), expires=SOON)

    with pytest.raises(ValueError, match="reboot"):
        register(other)

    assert register(first) is KINDS["reboot"]


@pytest.mark.parametrize("name", ["since", "reason", "devices"])
def test_a_value_means_the_same_to_all_kinds(name: str) -> None:
    given = {name: Given(serializers.BooleanField())}
    other = Kind(
        name="other", words="x", work=lambda _session: CommandResult(), expires=SOON, given=given
    )

    with pytest.raises(ValueError, match=name):
        register(other)

    assert "other" not in KINDS


def test_what_is_asked_twice() -> None:
    once = {name for name in KINDS if not asks_twice(name, terminals=2)}
    always = {name for name in KINDS if asks_twice(name, terminals=1)}

    assert always == {"reboot", "settings_write", "people_repair", "people_wipe"}
    assert set(KINDS) - once - always == {"open_door", "json"}


def test_one_module_is_a_new_kind_on_the_page(
    ring_bell: Kind, opener: User, gate: Terminal, door: TerminalServer
) -> None:
    client = client_of(opener)
    page = f"{reverse('admin:devices_terminal_remote')}?ids={gate.pk}"
    asked: dict[str, Any] = {"kind": "ring_bell", "times": "3", "reason": "parcel"}

    shown = client.get(page).content.decode()
    assert 'value="ring_bell"' in shown
    assert 'name="times"' in shown
    assert "How often" in shown

    question = client.post(page, asked)
    assert "It rings 3 times." in question.content.decode()
    assert not TerminalCommand.objects.exists()
    answer = client.post(page, {**asked, "confirm": question.context["token"]})

    command = run(TerminalCommand.objects.get())
    assert door.state.commands == [{"ring": 3}]
    progress = client.get(answer["Location"]).content.decode()
    assert "Ring the bell" in progress
    assert "rings heard 3" in progress
    listed = reverse("admin:devices_terminalcommand_changelist")
    assert "Ring the bell" in client.get(f"{listed}?kind__exact=ring_bell").content.decode()
    one = reverse("admin:devices_terminalcommand_change", args=[command.pk])
    assert "times to ring" in client.get(one).content.decode()


def test_one_module_is_a_new_kind_in_rest(
    ring_bell: Kind, world: World, opener: User, gate: Terminal, door: TerminalServer
) -> None:
    def post(**body: Any) -> Any:
        whole = {"kind": "ring_bell", "devices": [gate.pk], "reason": "parcel", **body}
        return api_of(opener).post(COMMANDS, whole, format="json")

    refused = api_of(world.guard).post(
        COMMANDS, {"kind": "ring_bell", "devices": [gate.pk]}, format="json"
    )
    assert (refused.status_code, "No bells for you." in refused.content.decode()) == (403, True)
    assert post(times=10).status_code == 400
    assert "How often?" in post().content.decode()
    first = post(times=2)
    assert (first.status_code, first.json()["changes"]) == (409, [])
    # What was agreed to is exactly this.
    assert post(times=3, confirm=first.json()["confirm"]).status_code == 409
    made = post(times=2, confirm=first.json()["confirm"])

    assert made.status_code == 202
    run(TerminalCommand.objects.get())
    found = api_of(opener).get(f"{COMMANDS}?kind=ring_bell").json()["results"]
    assert [(one["kind"], one["state"], one["result"]) for one in found] == [
        ("ring_bell", "done", {"rings": 2})
    ]
    assert door.state.commands == [{"ring": 2}]


def test_one_module_is_a_new_kind_for_the_workers(
    ring_bell: Kind,
    gate: Terminal,
    door: TerminalServer,
    queued: list[tuple[str, dict[str, Any]]],
    django_capture_on_commit_callbacks: Any,
) -> None:
    command = ask(gate, "ring_bell", payload={"times": 1})

    with django_capture_on_commit_callbacks(execute=True):
        assert commands_dispatch() == 1

    [(task, arguments)] = queued
    current_app.loader.import_default_modules()
    assert current_app.tasks[task](**arguments) == {"state": "done"}
    command.refresh_from_db()
    assert (command.state, command.result) == ("done", {"rings": 1})


def test_rows_of_a_kind_that_is_gone_hold_nothing_up(
    world: World, gate: Terminal, door: TerminalServer
) -> None:
    """An older version after a newer one: what it does not know waits for its end and is shown."""
    gone = TerminalCommand.objects.create(
        terminal=gate, kind="ring_bell", requester="root", expires_at=timezone.now()
    )
    known = ask(gate, CommandKind.SYNC_TIME)

    assert commands_dispatch() == 1
    assert run(known).state == "done"
    assert str(gone) == f"ring_bell #{gone.pk}"
    assert kind_words("ring_bell") == "ring_bell"
    listed = reverse("admin:devices_terminalcommand_changelist")
    page = reverse("admin:devices_terminalcommand_change", args=[gone.pk])
    client = client_of(world.superuser)
    assert client.get(listed).status_code == 200
    assert client.get(page).status_code == 200
    client.post(listed, {"action": "cancel", "_selected_action": [gone.pk]})
    assert commands_sweep() == 1
    gone.refresh_from_db()
    assert gone.state == "expired"
