"""JSON commands (8.1.10): sent once, whatever they say; kept sealed, whatever is answered."""

import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from devices.choices import CommandKind
from devices.command_kinds import command_payload
from devices.models import Terminal, TerminalCommand
from devices.selectors import command_json
from devices.services import (
    Requester,
    command_work,
    commands_forget,
    commands_request,
    commands_sweep,
)
from tests.support.terminal_api import TerminalServer

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
AUDIO = {"cmd": "get", "object": "AudioObject"}


def ask(terminal: Terminal, payload: dict[str, Any]) -> TerminalCommand:
    return commands_request(
        kind=CommandKind.JSON,
        terminals=[terminal],
        requester=Requester("root"),
        payload=command_payload(kind="json", given={"payload": payload}),
    ).commands[0]


def run(command: TerminalCommand) -> TerminalCommand:
    command_work(command_id=command.pk)
    command.refresh_from_db()
    return command


def answered(command: TerminalCommand) -> Any:
    found = command_json(command)
    assert found is not None
    return found.answered


def test_a_command_arrives_as_it_is_and_its_answer_is_kept(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.command_answer = {"code": 200, "json": {"volumeOut": 9, "名": "门"}}
    sent = {"cmd": "设", "data": {"on": True, "list": [1, 2.5, None, {"a": {}}]}}

    command = run(ask(gate, sent))

    assert door.state.commands == [sent]
    assert (command.state, command.word, command.requester) == ("done", "", "root")
    assert answered(command) == {"desc": "", "json": {"volumeOut": 9, "名": "门"}}


def test_what_is_sent_and_answered_is_sealed_at_rest(gate: Terminal, door: TerminalServer) -> None:
    door.state.command_answer = {"code": 200, "json": {"wifiPassword": "hush-answered"}}
    command = run(ask(gate, {"cmd": "wifi", "password": "hush-sent"}))

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM devices_terminalcommand WHERE id = %s", [command.pk])
        stored = str(cursor.fetchall())

    assert "hush-answered" in str(answered(command))
    assert "hush" not in stored
    assert "hush" not in f"{command.payload} {command.result} {command!r}"


def test_a_refusal_tells_its_code_and_what_was_said(gate: Terminal, door: TerminalServer) -> None:
    door.state.command_answer = {"code": 50003, "json": [{"code": 200}, {"code": 40001}]}

    command = run(ask(gate, AUDIO))

    assert (command.state, command.code) == ("refused", "50003")
    assert answered(command)["json"] == [{"code": 200}, {"code": 40001}]


@pytest.mark.parametrize("name", ["sweep", "work"])
def test_a_command_is_sent_within_two_minutes_or_never(
    gate: Terminal, door: TerminalServer, name: str
) -> None:
    command = ask(gate, AUDIO)
    later = timezone.now() + timedelta(minutes=2, seconds=1)
    if name == "sweep":
        assert commands_sweep(now=later) == 1
    else:
        TerminalCommand.objects.update(expires_at=timezone.now())

    run(command)

    assert (command.state, command.word) == ("expired", "too_late")
    assert door.state.calls == []


def test_a_command_without_an_answer_is_unknown_and_not_taken_up_again(
    gate: Terminal, door: TerminalServer
) -> None:
    async def cut(request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()

    door.state.temper = cut
    command = run(ask(gate, AUDIO))
    door.state.temper = None
    commands_sweep(now=timezone.now() + timedelta(hours=1))
    run(command)

    assert (command.state, command.word) == ("unknown", "connection_lost")
    assert len(door.state.calls) == 1


def test_a_worker_that_died_at_a_command_leaves_it_unknown(gate: Terminal) -> None:
    command = ask(gate, AUDIO)
    TerminalCommand.objects.update(
        state="sending", holds_terminal=True, lease="x", lease_until=timezone.now()
    )

    commands_sweep(now=timezone.now() + timedelta(seconds=1))

    command.refresh_from_db()
    assert (command.state, command.word) == ("unknown", "worker_lost")


def nested(depth: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return dict(value)


@pytest.mark.parametrize(
    "payload",
    [
        None, "", "{}", [], {}, 7, [AUDIO], nested(17), nested(100_000), {"a": "x" * 64 * 1024},
        {"a": "签" * 22_000}, {"a": "\ud800"}, {"\udfff": 1}, {"a": float("nan")},
        {"a": [float("inf")]},
    ],
)  # fmt: skip
def test_what_is_no_bounded_json_object_is_not_sent(payload: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        command_payload(kind="json", given={"payload": payload})

    assert set(refused.value.message_dict) == {"payload"}


def test_the_limits_themselves_are_allowed() -> None:
    for payload in (nested(16), {"a": "x" * (64 * 1024 - len('{"a":""}'))}):
        assert command_payload(kind="json", given={"payload": payload}) == {"json": payload}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"code": 200, "json": "x\\ud800y"}', {"desc": "", "json": "x?y"}),
        ('{"code": 200, "json": [NaN, -Infinity]}', {"desc": "", "json": [None, None]}),
        ('{"code": 200, "json": 1e999}', {"desc": "", "json": "Infinity"}),
        ('{"code": 200, "desc": "完成"}', {"desc": "完成", "json": None}),
    ],
)
def test_an_answer_that_is_hardly_json_is_kept_as_json(
    gate: Terminal, door: TerminalServer, text: str, kept: Any
) -> None:
    async def odd(_request: web.Request) -> web.Response:
        return web.Response(text=text, content_type="application/json")

    door.state.temper = odd
    command = run(ask(gate, AUDIO))

    assert command.state == "done"
    assert answered(command) == kept
    json.dumps(answered(command), allow_nan=False).encode()


@pytest.mark.parametrize("value", [nested(65), [[[nested(63)]]]], ids=["deep", "deeper"])
def test_of_an_answer_that_is_too_deep_the_depth_is_only_named(
    gate: Terminal, door: TerminalServer, value: Any
) -> None:
    door.state.command_answer = {"code": 200, "json": value}

    command = run(ask(gate, AUDIO))

    assert (command.state, command.word) == ("done", "")
    assert "(nested)" in json.dumps(answered(command))


def test_an_answer_that_is_too_much_is_not_kept_and_the_command_is_done(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.command_answer = {"code": 200, "json": "x" * 300_000}

    command = run(ask(gate, AUDIO))

    assert (command.state, command.word) == ("done", "answer_too_large")
    assert answered(command) is None


def test_answers_are_forgotten_after_a_month_and_who_asked_for_what_stays(
    gate: Terminal, door: TerminalServer
) -> None:
    door.state.command_answer = {"code": 200, "json": {"a": 1}}
    command = run(ask(gate, AUDIO))

    commands_forget(now=timezone.now() + timedelta(days=29))
    command.refresh_from_db()
    assert answered(command)["json"] == {"a": 1}
    commands_forget(now=timezone.now() + timedelta(days=31))

    command.refresh_from_db()
    found = command_json(command)
    assert found is not None
    assert (found.sent, found.answered, command.requester) == (AUDIO, None, "root")
