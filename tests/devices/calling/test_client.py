"""Calling one terminal: what is certain afterwards, and what is never done twice."""

import asyncio
import gzip
import json
import logging
import socket
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from devices.calling import (
    CallRefused,
    CallTarget,
    NotCallable,
    NotDelivered,
    OutcomeUnknown,
    Repeat,
    TerminalAddress,
    TerminalClient,
    TooLate,
    read_terminal_address,
)
from tests.support.processes import free_port
from tests.support.terminal_api import PASSWORD, TerminalServer

LOCAL = ("127.0.0.0/8",)
HOUR_MS = 3_600_000


def target(door: TerminalServer, **changes: object) -> CallTarget:
    made = CallTarget(TerminalAddress("127.0.0.1", door.port), PASSWORD, LOCAL)
    return replace(made, **changes)  # type: ignore[arg-type]


@pytest.fixture
async def client(door: TerminalServer) -> AsyncIterator[TerminalClient]:
    async with TerminalClient(target(door), answer_s=1.0) as made:
        yield made


async def test_the_door_opens_with_the_reason_in_the_address(
    door: TerminalServer, client: TerminalClient
) -> None:
    await client.call("open", parameters={"remark": "邮差 & 包裹"})

    assert door.state.opened == ["邮差 & 包裹"]


async def test_a_wrong_password_is_a_refusal_and_is_not_tried_again(door: TerminalServer) -> None:
    async with TerminalClient(target(door, password="wrong")) as client:
        with pytest.raises(CallRefused) as refused:
            await client.call("information")

    assert refused.value.code == 10005
    assert len(door.state.calls) == 1


@pytest.mark.parametrize("offset_ms", [-7 * HOUR_MS, 9 * HOUR_MS, -50 * 365 * 24 * HOUR_MS])
async def test_a_terminal_with_a_wrong_clock_is_called_by_its_own_time(
    door: TerminalServer, client: TerminalClient, offset_ms: int
) -> None:
    door.state.clock_offset_ms = offset_ms

    await client.call("open")

    assert len(door.state.opened) == 1
    assert abs(client.clock.offset_ms - offset_ms) < 2000


async def test_an_offset_known_from_before_saves_the_refusal(door: TerminalServer) -> None:
    door.state.clock_offset_ms = 3 * HOUR_MS
    async with TerminalClient(target(door, clock_offset_ms=3 * HOUR_MS)) as client:
        await client.call("open")

    assert len(door.state.calls) == 1


async def test_a_terminal_set_right_since_is_called_by_our_time_again(door: TerminalServer) -> None:
    door.state.says_date = False
    async with TerminalClient(target(door, clock_offset_ms=3 * HOUR_MS)) as client:
        await client.call("open")
        assert client.clock.offset_ms == 0

    assert len(door.state.opened) == 1


async def test_a_clock_that_nothing_tells_of_stays_a_refusal(
    door: TerminalServer, client: TerminalClient
) -> None:
    door.state.clock_offset_ms, door.state.says_date = HOUR_MS, False

    with pytest.raises(CallRefused):
        await client.call("open")

    assert door.state.opened == []
    assert len(door.state.calls) <= 2


async def test_nobody_listening_means_that_nothing_was_sent(door: TerminalServer) -> None:
    nobody = replace(target(door), address=TerminalAddress("127.0.0.1", free_port()))
    async with TerminalClient(nobody) as client:
        with pytest.raises(NotDelivered) as failed:
            await client.call("open")

    assert failed.value.word == "connect_failed"


async def test_an_open_that_is_not_answered_is_unknown_and_never_repeated(
    door: TerminalServer, client: TerminalClient
) -> None:
    async def slow(_request: web.Request) -> None:
        await asyncio.sleep(3)

    door.state.temper = slow
    with pytest.raises(OutcomeUnknown) as unknown:
        await client.call("open")

    assert unknown.value.word == "answer_timeout"
    assert door.state.calls == ["POST /api/device/open"]


async def test_an_open_that_is_given_up_is_taken_back_from_the_network() -> None:
    """What the system had not got through yet would be sent again once the network is back."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = TerminalAddress("127.0.0.1", listener.getsockname()[1])
        async with TerminalClient(CallTarget(address, PASSWORD, LOCAL), answer_s=0.2) as client:
            with pytest.raises(OutcomeUnknown):
                await client.call("open")
        line, _ = listener.accept()
        with line, pytest.raises(ConnectionResetError):
            line.settimeout(5)
            while line.recv(65536):
                pass


async def test_a_connection_cut_while_answering_is_unknown_for_open_and_repeated_for_reading(
    door: TerminalServer, client: TerminalClient
) -> None:
    times = 0

    async def cut(request: web.Request) -> None:
        nonlocal times
        times += 1
        if times != 3 and request.transport is not None:
            request.transport.abort()
            await asyncio.sleep(0)

    door.state.temper = cut
    with pytest.raises(OutcomeUnknown):
        await client.call("reboot")
    assert times == 1

    answer = await client.call("smartface")

    assert answer.value["faceThre"] == 5
    assert times == 3


async def test_what_is_too_late_is_not_sent(door: TerminalServer, client: TerminalClient) -> None:
    with pytest.raises(TooLate):
        await client.call("open", deadline=time.monotonic() - 0.001)

    assert door.state.calls == []


async def test_time_that_runs_out_while_connecting_counts(
    door: TerminalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline is looked at when the connection stands, right before the first byte."""
    async with TerminalClient(target(door)) as client:
        deadline = time.monotonic() + 0.15
        look_up = "devices.calling.client.look_up"

        async def slow(*_: object, **__: object) -> str:
            await asyncio.sleep(0.2)
            return "127.0.0.1"

        # Names that take long to resolve are not at hand on one machine.
        monkeypatch.setattr(look_up, slow)
        with pytest.raises(TooLate):
            await client.call("open", deadline=deadline)

    assert door.state.calls == []


@pytest.mark.parametrize(
    ("body", "headers", "word"),
    [
        (b"<html>router</html>", {}, "bad_answer"),
        (b"[]", {}, "bad_answer"),
        (b'{"code": "x"}', {}, "bad_answer"),
        (b"[" * 100_000, {}, "bad_answer"),
        (b" " * (17 * 1024 * 1024), {}, "answer_too_large"),
        (gzip.compress(b"{}" * 10_000_000), {"Content-Encoding": "gzip"}, "bad_answer"),
    ],
)
async def test_what_is_no_answer_of_a_terminal_is_bounded_and_unknown(
    door: TerminalServer, body: bytes, headers: dict[str, str], word: str
) -> None:
    async def strange(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers=headers)

    door.state.temper = strange
    async with TerminalClient(target(door)) as client:
        with pytest.raises(OutcomeUnknown) as unknown:
            await client.call("open")

    assert unknown.value.word == word


async def test_a_redirect_is_not_followed(door: TerminalServer, client: TerminalClient) -> None:
    async def redirect(_request: web.Request) -> web.Response:
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    door.state.temper = redirect
    with pytest.raises(OutcomeUnknown):
        await client.call("open")

    assert door.state.calls == ["POST /api/device/open"]


async def test_settings_are_sent_as_the_seed_writes_them(
    door: TerminalServer, client: TerminalClient
) -> None:
    """POST, form-data, the JSON object in the content (8.1.13, 8.1.15, 8.1.17)."""
    wanted = {**door.state.objects["smartface"], "faceThre": 8}

    await client.call("smartfacecfg", body=wanted)

    assert door.state.objects["smartface"] == wanted
    assert door.state.written == ["field"]


@pytest.mark.parametrize(
    ("reads", "written"), [("json", ["field", "json"]), ("fields", ["field", "json", "fields"])]
)
async def test_settings_reach_a_terminal_that_finds_nothing_in_the_form(
    door: TerminalServer, client: TerminalClient, reads: str, written: list[str]
) -> None:
    door.state.reads = (reads,)
    wanted = {**door.state.objects["smartface"], "faceThre": 8}

    await client.call("smartfacecfg", body=wanted)

    assert door.state.objects["smartface"] == wanted
    assert door.state.written == written


async def test_people_are_sent_as_json(door: TerminalServer, client: TerminalClient) -> None:
    """8.2.2 says application/json, and a terminal that refuses a person is not asked again."""
    door.state.refusals["7"] = 30003

    with pytest.raises(CallRefused):
        await client.call("userAdd", body={"userId": "7", "name": "王芳"}, repeat=Repeat.ALWAYS)

    assert door.state.calls == ["POST /api/user"]


@pytest.mark.parametrize(("reads", "written"), [("field", 1), ("json", 2)])
async def test_a_command_is_carried_out_once_whatever_form_is_read(
    door: TerminalServer, client: TerminalClient, reads: str, written: int
) -> None:
    door.state.reads = (reads,)
    command = {"cmd": "set", "data": {"name": "东门", "values": [1, {"a": None}]}}

    await client.call("jsonCmd", body=command)

    assert door.state.commands == [command]
    assert len(door.state.written) == written


async def test_a_command_that_is_found_in_no_form_is_refused(
    door: TerminalServer, client: TerminalClient
) -> None:
    door.state.reads = ()

    with pytest.raises(CallRefused) as refused:
        await client.call("jsonCmd", body={"cmd": "x"})

    assert refused.value.code == 30003
    assert door.state.written == ["field", "json"]


@pytest.mark.parametrize(
    "answer",
    [{"code": 30001}, {"code": 30003, "json": {"done": 1}}, {"code": 50002}, {"code": 50003}],
)
async def test_a_command_that_may_have_acted_is_not_sent_in_another_form(
    door: TerminalServer, client: TerminalClient, answer: dict[str, Any]
) -> None:
    door.state.command_answer = answer

    with pytest.raises(CallRefused):
        await client.call("jsonCmd", body={"cmd": "open"})

    assert door.state.commands == [{"cmd": "open"}]


async def test_a_command_that_is_not_answered_is_unknown_and_never_repeated(
    door: TerminalServer, client: TerminalClient
) -> None:
    async def cut(request: web.Request) -> None:
        if request.transport is not None:
            request.transport.abort()

    door.state.temper = cut
    with pytest.raises(OutcomeUnknown):
        await client.call("jsonCmd", body={"cmd": "open"})

    assert door.state.calls == ["POST /api/device/jsonCmd"]


@pytest.mark.parametrize("user_id", ["", ".", ".."])
async def test_ids_that_are_ways_around_in_a_path_are_not_called(
    door: TerminalServer, client: TerminalClient, user_id: str
) -> None:
    with pytest.raises(NotCallable):
        await client.call("userDelete", user_id=user_id)

    assert door.state.calls == []


@pytest.mark.parametrize("user_id", ["a/b", "a?b=1", "王 芳", "100%", "all/..", "a%2Fb"])
async def test_any_other_id_arrives_as_it_is(
    door: TerminalServer, client: TerminalClient, user_id: str
) -> None:
    door.state.people = {user_id: {"userId": user_id}, "other": {"userId": "other"}}

    await client.call("userDelete", user_id=user_id)

    assert set(door.state.people) == {"other"}


async def test_neither_logs_nor_errors_tell_signature_or_password(
    door: TerminalServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with TerminalClient(target(door, password="hushhush")) as client:
        with pytest.raises(CallRefused) as refused:
            await client.call("open", parameters={"remark": "x"})

    told = caplog.text + repr(refused.value) + repr(client.__dict__) + str(refused.value)
    assert "sign=" not in told
    assert "hushhush" not in told


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("192.168.1.20", "192.168.1.20", 8899),
        (" 192.168.1.20:80 ", "192.168.1.20", 80),
        ("door-3.lan:9001", "door-3.lan", 9001),
        ("[fe80::1]:8899", "fe80::1", 8899),
        ("fd00::7", "fd00::7", 8899),
    ],
)
def test_addresses_that_are_understood(text: str, host: str, port: int) -> None:
    assert read_terminal_address(text) == TerminalAddress(host, port)


@pytest.mark.parametrize(
    "text",
    [
        "http://192.168.1.20", "192.168.1.20/x", "192.168.1.20:0", "192.168.1.20:65536", "a b",
        "user@192.168.1.20", "192.168.1.20:80?x", "2130706433", "0x7f.1", "127.1", "[::1", "host:",
        "host:８０", "fe80::1%eth0", "-x.lan", "a..b", "#", "1.2.3.4:80:90", "host\n.lan", "",
    ],
)  # fmt: skip
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(NotCallable):
        read_terminal_address(text)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "169.254.169.254", "0.0.0.0", "224.0.0.1", "::ffff:127.0.0.1"]
)
async def test_the_platform_does_not_call_itself_unless_it_is_told_to(host: str) -> None:
    async with TerminalClient(CallTarget(TerminalAddress(host, 9), PASSWORD)) as client:
        with pytest.raises(NotCallable) as refused:
            await client.call("open")

    assert refused.value.word == "forbidden_address"


async def test_a_name_is_judged_by_what_it_stands_for(door: TerminalServer) -> None:
    here = TerminalAddress("localhost", door.port)
    async with TerminalClient(CallTarget(here, PASSWORD)) as client:
        with pytest.raises(NotCallable):
            await client.call("open")
    async with TerminalClient(CallTarget(here, PASSWORD, ("10.0.0.0/8",))) as client:
        with pytest.raises(NotCallable):
            await client.call("open")
    async with TerminalClient(CallTarget(here, PASSWORD, LOCAL)) as client:
        await client.call("open")

    assert len(door.state.opened) == 1
    assert json.dumps(door.state.calls) == '["POST /api/device/open"]'
