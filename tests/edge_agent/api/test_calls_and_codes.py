"""Chapters 4 and 7: signature, window, methods, addresses, and every code by the case it names."""

import asyncio
import base64
import gzip
from collections.abc import Awaitable, Callable
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from edge_agent.drivers.clock import SystemClock
from edge_agent.drivers.exceptions import DriverError
from terminal_protocol.codes import MESSAGES, RetCode
from terminal_protocol.device_calls import CALLS, CallMethod
from terminal_protocol.signature import sign
from tests.support.edge.fakes import person_jpeg
from tests.support.edge.running_terminal import PERSON, RunningTerminal, Starter

FIVE_MINUTES_MS = 300_000


async def test_signed_call_as_the_seed_prints_it(terminal: RunningTerminal) -> None:
    """``…/api/device/open?timestamp=…&sign=…&remark=test`` (4.2)."""
    stamp = terminal.now_ms()

    response = await terminal.request(
        "POST", f"/api/device/open?timestamp={stamp}&sign={sign(stamp, '123456')}&remark=test"
    )

    assert response.json() == {"code": 200, "message": "OK", "desc": ""}
    assert terminal.relay.is_energised


@pytest.mark.parametrize(
    ("shift_ms", "code"),
    [
        (0, 200),
        (-FIVE_MINUTES_MS + 2000, 200),
        (FIVE_MINUTES_MS - 2000, 200),
        (-FIVE_MINUTES_MS - 2000, 10003),
        (FIVE_MINUTES_MS + 2000, 10003),
    ],
)
async def test_more_than_five_minutes_apart_is_refused(
    terminal: RunningTerminal, shift_ms: int, code: int
) -> None:
    assert await terminal.code("information", at_ms=terminal.now_ms() + shift_ms) == code


UNSIGNED: list[tuple[dict[str, str | None], int, str]] = [
    ({"timestamp": None}, 30003, "timestamp: missing"),
    ({"sign": None}, 30003, "sign: missing"),
    ({"sign": ""}, 30003, "sign: missing"),
    ({"timestamp": "yesterday"}, 50001, "timestamp: not Unix milliseconds"),
    ({"timestamp": "1573539353"}, 50001, "timestamp: not Unix milliseconds"),
    ({"timestamp": "-573539353795"}, 50001, "timestamp: not Unix milliseconds"),
    ({"sign": "0" * 32}, 10005, "sign-invalid"),
    ({"sign": "ä"}, 10005, "sign-invalid"),
]


@pytest.mark.parametrize("name", list(CALLS))
async def test_every_call_wants_a_signature(terminal: RunningTerminal, name: str) -> None:
    call = CALLS[name]
    for changed, code, desc in UNSIGNED:
        query = {**terminal.query(), **changed}

        response = await terminal.request(
            call.method.value,
            call.address("u1"),
            params={key: value for key, value in query.items() if value is not None},
        )

        message = RetCode(str(code)).message
        assert response.json() == {"code": code, "message": message, "desc": desc}
    assert terminal.relay.pulses_ms == []


@pytest.mark.parametrize(("is_told", "code"), [(False, 10005), (True, 200)])
async def test_signature_in_capitals_counts_where_the_terminal_is_told_so(
    start: Starter, is_told: bool, code: int
) -> None:
    terminal = await start(upper_case_signatures=is_told)
    query = terminal.query()
    # One with letters, which not every timestamp has.
    while query["sign"] == query["sign"].upper():
        query = terminal.query()
    query["sign"] = query["sign"].upper()

    response = await terminal.request("POST", "/api/device/information", params=query)

    assert response.json()["code"] == code


async def guess(terminal: RunningTerminal, times: int) -> str:
    """Sign wrongly so many times; what the last one is told."""
    for _ in range(times):
        query = terminal.query(password="guess")
        response = await terminal.request("POST", "/api/device/information", params=query)
        assert response.json()["code"] == 10005
    return str(response.json()["desc"])


async def test_wrong_signatures_make_for_growing_waits(terminal: RunningTerminal) -> None:
    assert await guess(terminal, 3) == "sign-invalid"
    for wait_s in (1, 2, 4, 8, 16, 32, 60, 60):
        assert await guess(terminal, 1) == f"sign-invalid too often; wait {wait_s} s"
        # The right one is not looked at either, or guessing would go on.
        assert await terminal.code("information") == 10005
        terminal.clock.pass_by(wait_s)
        assert await guess(terminal, 1) == "sign-invalid"

    terminal.clock.pass_by(60)
    assert await terminal.code("information") == 200


async def test_waiting_is_not_made_longer_by_calls_meanwhile(terminal: RunningTerminal) -> None:
    await guess(terminal, 23)

    terminal.clock.pass_by(1.0)

    assert await terminal.code("information") == 200


async def test_an_address_that_was_right_before_waits_seconds_at_most(
    terminal: RunningTerminal,
) -> None:
    """A platform behind the same router as a guesser opens doors all the same."""
    assert await terminal.code("information") == 200
    for _ in range(12):
        await guess(terminal, 1)
        terminal.clock.pass_by(5.0)

    assert await terminal.code("information") == 200


async def test_a_listener_is_slowed_down_as_well(terminal: RunningTerminal) -> None:
    for _ in range(3):
        async with terminal.listening(terminal.query(password="guess")) as greeting:
            assert greeting["code"] != 20000

    async with terminal.listening(terminal.query()) as greeting:
        assert greeting["code"] != 20000


async def test_an_old_signature_of_a_clock_setting_forgives_nothing(
    terminal: RunningTerminal,
) -> None:
    """It may have been overheard at any time, and would let its thief guess without a wait."""
    await guess(terminal, 2)
    assert await terminal.code("syncTime") == 200
    await guess(terminal, 1)

    assert "too often" in await guess(terminal, 1)


async def test_signature_may_come_in_the_form(terminal: RunningTerminal) -> None:
    response = await terminal.request(
        "POST", "/api/device/open", data={**terminal.query(), "remark": "form"}
    )

    assert response.json()["code"] == 200


@pytest.mark.parametrize("name", list(CALLS))
async def test_only_the_method_of_the_seed_is_allowed(terminal: RunningTerminal, name: str) -> None:
    """50004 Request Method Not Allowed."""
    call = CALLS[name]
    for method in sorted(
        {"GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"} - {call.method.value}
    ):
        response = await terminal.request(method, call.address("u1"), params=terminal.query())

        assert response.json() == {
            **{"code": 50004, "message": "Request Method Not Allowed"},
            "desc": f"{call.method.value} only",
        }


@pytest.mark.parametrize("name", [one for one in CALLS if one != "reboot"])
async def test_a_call_that_is_switched_off_is_not_supported(start: Starter, name: str) -> None:
    """40001 Not Support, ``device-not-support`` (8.1.7 to 8.1.17)."""
    terminal = await start(unsupported=[name])

    assert await terminal.call(name, user_id="u1") == {
        **{"code": 40001, "message": "Not Support", "desc": "device-not-support"}
    }


@pytest.mark.parametrize("path", ["/", "/api", "/api/device/fly", "/api/user/update/", "/a b"])
async def test_unknown_address_is_answered_in_json(terminal: RunningTerminal, path: str) -> None:
    response = await terminal.request("GET", path, headers={"Accept": "text/html"})

    assert response.status_code == 404
    assert response.json() == {
        **{"code": 40001, "message": "Not Support", "desc": "device-not-support"}
    }


async def test_slash_at_the_end_does_no_harm(terminal: RunningTerminal) -> None:
    response = await terminal.request("POST", "/api/device/information/", params=terminal.query())

    assert response.json()["code"] == 200


@pytest.mark.parametrize(
    "path",
    ["//api/device/information", "/api//device///information//", "///api/device/information"],
)
async def test_slashes_too_many_do_no_harm(terminal: RunningTerminal, path: str) -> None:
    response = await terminal.request("POST", path, params=terminal.query())

    assert response.json()["code"] == 200


async def test_slashes_too_many_keep_the_person_of_an_address(terminal: RunningTerminal) -> None:
    response = await terminal.request("POST", "/api/user//update//u1", params=terminal.query())

    assert response.json()["code"] == 30003


async def packed_open(terminal: RunningTerminal, content: bytes, coding: str) -> dict[str, Any]:
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    query = terminal.query()
    path = "/api/device/open"
    response = await terminal.request("POST", path, params=query, content=content, headers=headers)
    reported: dict[str, Any] = response.json()
    return reported


ZIPPED = gzip.compress(b'{"remark": "a door"}', mtime=0)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
@pytest.mark.parametrize("content", [b"{}", b"\x1f\x8b" + b"x" * 40, ZIPPED[:20] + b"\xff" * 20])
async def test_content_that_cannot_be_unpacked_is_the_callers_fault(
    terminal: RunningTerminal, coding: str, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await packed_open(terminal, content, coding)

    assert answer["code"] == 30001
    assert not [one for one in caplog.records if one.exc_info]
    assert terminal.relay.pulses_ms == []


async def test_packed_content_is_unpacked(terminal: RunningTerminal) -> None:
    answer = await packed_open(terminal, ZIPPED, "gzip")

    assert answer["code"] == 200


async def test_without_a_password_nobody_may_call(start: Starter) -> None:
    """10001 Password Not Exist."""
    terminal = await start(password="")

    answer = await terminal.call("information")

    assert (answer["code"], answer["message"]) == (10001, "Password Not Exist")


async def test_password_is_good_on_its_last_day_and_not_after(start: Starter) -> None:
    """10002 Password Expired."""
    day = SystemClock().now().astimezone().date()
    good = await start(password_expires=day.isoformat())
    assert await good.code("information") == 200
    good.clock.move(86400.0)

    answer = await good.call("information")

    assert (answer["code"], answer["message"]) == (10002, "Password Expired")


@pytest.mark.parametrize(
    ("allowed", "code"),
    [
        ([], 200),
        (["127.0.0.1"], 200),
        (["10.0.0.0/8", "127.0.0.0/8"], 200),
        (["10.0.0.0/8"], 10004),
        (["::1"], 10004),
    ],
)
async def test_address_list(start: Starter, allowed: list[str], code: int) -> None:
    """10004 IP Invalid."""
    terminal = await start(allow_from=allowed)

    assert await terminal.code("information") == code


async def test_relay_that_fails_is_an_internal_error(terminal: RunningTerminal) -> None:
    """50002 Internal Server Error."""
    terminal.relay.fails_with = DriverError("stuck")

    assert await terminal.call("open") == {
        **{"code": 50002, "message": "Internal Server Error", "desc": "relay-failed"}
    }


async def test_store_that_fails_is_an_internal_error(
    terminal: RunningTerminal, caplog: pytest.LogCaptureFixture
) -> None:
    """50002, without a word of what SQLite said; the door stays closed."""
    await terminal.parts.database.run(lambda connection: connection.execute("DROP TABLE openings"))

    answer = await terminal.call("open", remark="for Mr Secret")

    assert (answer["code"], answer["desc"]) == (50002, "terminal-trouble")
    assert terminal.relay.pulses_ms == []
    ours = [one.getMessage() for one in caplog.records if one.name.startswith("edge_agent")]
    assert ours == ["call_failed name=open"]


async def test_what_nobody_foresaw_is_an_unknown_error(terminal: RunningTerminal) -> None:
    """99999 Unknown Error, without a traceback."""
    terminal.relay.fails_with = ZeroDivisionError("line 17 of relay.py")

    response = await terminal.request("POST", "/api/device/open", params=terminal.query())

    assert response.json() == {"code": 99999, "message": "Unknown Error", "desc": "unknown"}
    assert "line 17" not in response.text


CODES_BY_CASE = {
    **{10001: "no password", 10002: "password expired", 10003: "six minutes late"},
    **{10004: "not on the list", 10005: "wrong signature", 20001: "unknown person"},
    **{20002: "two ids", 30001: "bad value", 30002: "no face", 30003: "missing value"},
    **{30004: "no JPEG", 40001: "unknown command", 50001: "timestamp is no number"},
    **{50002: "store fails", 50003: "batch fails", 50004: "wrong method"},
    **{50008: "nothing found", 50009: "library full", 99999: "unforeseen"},
}


def test_every_code_of_chapter_7_has_its_case() -> None:
    seed = {int(code) for code in RetCode} - {0}

    assert set(CODES_BY_CASE) == seed


TERMINALS: dict[str, dict[str, Any]] = {
    "no password": {"password": ""},
    "password expired": {"password_expires": "2020-01-01"},
    "not on the list": {"allow_from": ["10.0.0.1"]},
}


def photo(raw: bytes) -> dict[str, Any]:
    return {**PERSON, "photo": base64.b64encode(raw).decode()}


async def changed_query(terminal: RunningTerminal, **changed: str) -> dict[str, Any]:
    query = {**terminal.query(), **changed}
    return dict((await terminal.request("GET", "/api/record", params=query)).json())


async def store_fails(terminal: RunningTerminal) -> dict[str, Any]:
    await terminal.parts.database.run(lambda connection: connection.execute("DROP TABLE passes"))
    return await terminal.call("recordList")


async def wrong_method(terminal: RunningTerminal) -> dict[str, Any]:
    return dict((await terminal.request("GET", "/api/device/open", params=terminal.query())).json())


async def library_full(terminal: RunningTerminal) -> dict[str, Any]:
    assert await terminal.code("userAdd", PERSON) == 200
    return await terminal.call("userAdd", {**PERSON, "userId": "u2"})


async def unforeseen(terminal: RunningTerminal) -> dict[str, Any]:
    await terminal.parts.door.recogniser.close()  # a bug in the order of stopping, say
    return await terminal.call("userAdd", photo(person_jpeg(100)))


SITUATIONS: dict[str, Callable[[RunningTerminal], Awaitable[dict[str, Any]]]] = {
    "six minutes late": lambda one: one.call("information", at_ms=one.now_ms() - 360_000),
    "wrong signature": lambda one: changed_query(one, sign="f" * 32),
    "unknown person": lambda one: one.call("userDelete", user_id="nobody"),
    "two ids": lambda one: one.call("userUpdate", PERSON, user_id="u2"),
    "bad value": lambda one: one.call("userAdd", {**PERSON, "userType": 7}),
    "no face": lambda one: one.call("userAdd", photo(person_jpeg(0))),
    "missing value": lambda one: one.call("userAdd", {"userId": "u1"}),
    "no JPEG": lambda one: one.call("userAdd", photo(b"GIF89a")),
    "unknown command": lambda one: one.call("jsonCmd", {"cmd": "fly"}),
    "timestamp is no number": lambda one: changed_query(one, timestamp="now"),
    "store fails": store_fails,
    "batch fails": lambda one: one.call("userAdd", [PERSON, {"userId": "u2"}]),
    "wrong method": wrong_method,
    "nothing found": lambda one: one.call("recordList"),
    "library full": library_full,
    "unforeseen": unforeseen,
}


@pytest.mark.parametrize(("code", "case"), CODES_BY_CASE.items(), ids=CODES_BY_CASE.values())
async def test_code_of_chapter_7(start: Starter, code: int, case: str) -> None:
    terminal = await start(top={"people_max": 1}, **TERMINALS.get(case, {}))

    answer = await SITUATIONS.get(case, lambda one: one.call("information"))(terminal)

    assert (answer["code"], answer["message"]) == (code, MESSAGES[RetCode(str(code))][0])
    assert set(answer) == {"code", "message", "desc"}


async def test_answers_tell_the_terminals_own_time(terminal: RunningTerminal) -> None:
    """A caller that was refused for its clock can sign again with the terminal's."""
    terminal.clock.move(7200.0)

    refused = await terminal.request(
        "POST", "/api/device/information", params=terminal.query(at_ms=terminal.now_ms() - 7200_000)
    )
    told_ms = int(parsedate_to_datetime(refused.headers["Date"]).timestamp() * 1000)

    assert refused.json()["code"] == 10003
    assert await terminal.code("information", at_ms=told_ms) == 200
    assert "aiohttp" not in refused.headers["Server"]


async def test_nothing_private_is_logged(
    terminal: RunningTerminal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    stamp = terminal.now_ms()
    await terminal.call("userAdd", {**PERSON, "idNumber": "43112319961122"}, at_ms=stamp)
    await terminal.call("userAdd", {**PERSON, "userType": 9, "idNumber": "43112319961122"})
    await terminal.call("userUpdate", PERSON, user_id="u2")
    await terminal.call("open", remark="for 李二壮")
    await terminal.call("userDelete", user_id="u1")

    ours = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("edge", "aioh"))
    )
    reported = ours + "\n".join(terminal.event_log.lines) + str(terminal.event_log.events)
    for private in ("李二壮", "43112319961122", "13800000000", sign(stamp, "123456"), "123456"):
        assert private not in reported


def test_every_call_is_served() -> None:
    from edge_agent.api.server import HANDLERS

    assert set(HANDLERS) == set(CALLS)
    assert all(call.method in CallMethod for call in CALLS.values())


async def test_twenty_callers_at_once_are_all_answered(terminal: RunningTerminal) -> None:
    people = [{**PERSON, "userId": f"u{number}"} for number in range(20)]

    codes = await asyncio.gather(
        *(terminal.code("userAdd", one) for one in people),
        *(terminal.code("smartface") for _ in people),
        *(terminal.code("open") for _ in people),
    )

    assert codes == [200] * 60
    assert (await terminal.call("userList"))["data"]["total"] == 20


@pytest.mark.parametrize("name", ["open", "information", "smartface", "reboot", "syncTime"])
async def test_form_without_fields_is_a_call_without_content(
    terminal: RunningTerminal, name: str
) -> None:
    """The seed says form-data, and everything stands in the address (8.1.7 and others)."""
    call = CALLS[name]

    response = await terminal.request(
        "POST",
        call.address(),
        params=terminal.query(at_ms=terminal.now_ms() + 1000),
        content=b"--x--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )

    assert response.json()["code"] == 200
