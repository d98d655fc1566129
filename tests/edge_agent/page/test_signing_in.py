"""Who gets in: password, pauses, sessions, addresses."""

import asyncio
import json

import pytest

from edge_agent.api.failed_attempts import FailedAttempts
from edge_agent.page.sessions import Sessions
from tests.support.edge.fakes import ManualClock
from tests.support.edge.running_page import RunningPage, Starter

YESTERDAY_FOR_EVERY_CLOCK = "2020-01-01"


async def test_nobody_sees_anything_before_signing_in(page: RunningPage) -> None:
    await page.somebody_comes(200)

    home = await page.get("/")
    assert (home.status_code, home.headers["Location"]) == (303, "/sign-in")
    for path in ("/state", "/picture?after=0", "/passes/1/picture"):
        answer = await page.get(path)
        assert (answer.status_code, answer.json()["problem"]) == (401, "signed_out")
    for path in ("/open", "/sync", "/sign-out"):
        assert (await page.post(path)).status_code == 401
    assert page.relay.pulses_ms == []


async def test_password_lets_in_and_leaves_a_careful_cookie(page: RunningPage) -> None:
    answer = await page.try_password("123456")

    assert answer.status_code == 204
    (cookie,) = answer.headers.get_list("Set-Cookie")
    words = {one.strip() for one in cookie.split(";")[1:]}
    assert words == {"HttpOnly", "SameSite=Strict", "Path=/"}
    assert (await page.get("/")).status_code == 200
    assert (await page.get("/sign-in")).headers["Location"] == "/"
    assert "123456" not in "\n".join(page.event_log.lines)


@pytest.mark.parametrize("password", ["", "12345", "1234567", "１２３４５６", "\ud800", "x" * 4000])
async def test_wrong_password_lets_nobody_in(page: RunningPage, password: str) -> None:
    answer = await page.try_password(password)

    assert (answer.status_code, answer.json()["problem"]) == (401, "password_wrong")
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("body", [b"", b"{}", b'{"password": 123456}', b'{"password": null}'])
async def test_sign_in_without_a_password_is_told_so(page: RunningPage, body: bytes) -> None:
    answer = await page.post("/sign-in", body)

    assert (answer.status_code, answer.json()["problem"]) == (400, "content")


async def test_wrong_passwords_make_for_pauses_in_which_the_right_one_is_not_looked_at(
    page: RunningPage,
) -> None:
    """Sent at once, to show that waiting answers cannot be outrun."""
    answers = await asyncio.gather(*(page.try_password(f"wrong {n}") for n in range(12)))

    statuses = sorted(one.status_code for one in answers)
    assert statuses == [401] * 3 + [429] * 9
    right = await page.try_password("123456")
    assert right.status_code == 429
    assert right.json()["problem"] == "too_often"
    assert int(right.headers["Retry-After"]) == right.json()["seconds"] >= 1
    assert (await page.get("/")).headers["Location"] == "/sign-in"


def test_pauses_grow_and_end(clock: ManualClock) -> None:
    attempts = FailedAttempts(clock)
    pauses = []
    for _ in range(14):
        attempts.failed("10.0.0.1")
        pauses.append(attempts.pause_s("10.0.0.1"))
        clock.advance(pauses[-1])
        assert attempts.pause_s("10.0.0.1") == 0

    assert pauses[:6] == [0, 0, 1, 2, 4, 8]
    assert pauses[-1] == 900
    assert attempts.pause_s("10.0.0.2") == 0
    attempts.failed("10.0.0.1")
    clock.advance(3601)
    assert attempts.pause_s("10.0.0.1") == 0


def test_signing_in_forgets_what_was_mistyped(clock: ManualClock) -> None:
    attempts = FailedAttempts(clock)
    for _ in range(3):
        attempts.failed("10.0.0.1")

    attempts.succeeded("10.0.0.1")

    assert attempts.pause_s("10.0.0.1") == 0


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("10.0.0.1", "10.0.0.2", False),
        ("10.0.0.1", "::ffff:10.0.0.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("", "nonsense", True),
    ],
)
def test_addresses_of_one_customer_count_as_one(
    clock: ManualClock, one: str, other: str, is_same: bool
) -> None:
    attempts = FailedAttempts(clock)
    for _ in range(5):
        attempts.failed(one)

    assert (attempts.pause_s(other) > 0) is is_same


def test_an_address_that_was_right_is_not_kept_out_by_others() -> None:
    attempts = FailedAttempts(ManualClock())
    attempts.succeeded("192.168.1.1")
    for number in range(100):
        attempts.failed(f"10.0.0.{number}")

    assert attempts.pause_s("192.168.1.2") > 0
    assert attempts.pause_s("192.168.1.1") == 0


def test_many_addresses_together_are_slowed_down_but_never_this_computer(
    clock: ManualClock,
) -> None:
    """Memory stays bounded, and whoever comes through a tunnel gets in."""
    attempts = FailedAttempts(clock)
    for number in range(5000):
        attempts.failed(f"10.0.{number // 250}.{number % 250}")

    assert attempts.pause_s("192.168.1.1") == 30
    assert attempts.pause_s("127.0.0.1") == 0
    assert attempts.pause_s("::1") == 0
    assert len(attempts._by_address) <= 1024
    clock.advance(30)
    assert attempts.pause_s("192.168.1.1") == 0


async def test_sign_out_ends_the_session_also_for_a_copied_cookie(page: RunningPage) -> None:
    await page.sign_in()
    copied = dict(page.http.cookies)

    answer = await page.post("/sign-out")

    assert answer.status_code == 204
    page.http.cookies.update(copied)
    assert (await page.get("/state")).status_code == 401


async def test_who_signs_out_gets_no_picture_and_opens_nothing_with_what_was_under_way(
    page: RunningPage,
) -> None:
    """One request waits for a picture, the other is still being sent, when the session ends."""
    await page.sign_in()
    confirm = (await page.post("/open", {"reason": "x"})).json()["confirm"]
    body = json.dumps({"confirm": confirm}).encode()
    cookies = "; ".join(f"{name}={text}" for name, text in page.http.cookies.items())
    head = (
        f"POST /open HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\nOrigin: {page.page_url}\r\n"
        f"Menjin-Token: {page.token}\r\nCookie: {cookies}\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", page.port)
    writer.write(head.encode() + body[:5])
    await writer.drain()
    waiting = asyncio.create_task(page.get("/picture", headers={"Cookie": cookies}))
    while not page.parts.interfaces.page.pictures._watchers:
        await page.get("/static/icon.svg")

    await page.post("/sign-out")
    await page.somebody_comes(200)
    writer.write(body[5:])

    assert b" 401 " in (await reader.read()).split(b"\r\n")[0]
    assert (await waiting).status_code == 401
    assert page.relay.pulses_ms == []
    writer.close()


def test_sessions_end_when_idle_and_after_half_a_day(clock: ManualClock) -> None:
    sessions = Sessions(clock)
    idle, _ = sessions.begin()
    used, session = sessions.begin()

    for _ in range(24 * 12):
        clock.advance(150)
        assert sessions.find(used) is session
    assert sessions.find(idle) is None
    clock.advance(151)
    assert sessions.find(used) is None
    assert len(sessions) == 0


def test_sessions_are_few_and_the_idlest_makes_room(clock: ManualClock) -> None:
    sessions = Sessions(clock)
    cookies = []
    for _ in range(16):
        cookies.append(sessions.begin()[0])
        clock.advance(1)
    sessions.find(cookies[0])

    newest, _ = sessions.begin()

    assert len(sessions) == 16
    assert sessions.find(cookies[1]) is None
    assert sessions.find(cookies[0]) is not None
    assert sessions.find(newest) is not None


@pytest.mark.parametrize("cookie", ["", "x", '"', "\x7f", "é" * 100, "a=b; c"])
def test_no_cookie_but_the_right_one_is_anybodys(clock: ManualClock, cookie: str) -> None:
    sessions = Sessions(clock)
    sessions.begin()

    assert sessions.find(cookie) is None


@pytest.mark.parametrize(
    ("api", "problem"),
    [
        ({"password_expires": YESTERDAY_FOR_EVERY_CLOCK}, "password_expired"),
        ({"password": ""}, "password_not_set"),
    ],
)
async def test_expired_and_missing_passwords_let_nobody_in(
    start: Starter, api: dict[str, str], problem: str
) -> None:
    page = await start(top={"api": api})

    answer = await page.try_password(api.get("password", "123456"))

    assert (answer.status_code, answer.json()["problem"]) == (403, problem)
    shown = (await page.get("/sign-in")).text
    assert {"password_expired": "10002", "password_not_set": "10001"}[problem] in shown
    assert (await page.get("/state")).json()["problem"] == problem


async def test_session_ends_with_its_password(start: Starter) -> None:
    """The clock passes the last day while somebody is signed in."""
    page = await start(top={"api": {"password_expires": "2999-12-31"}})
    await page.sign_in()
    assert (await page.get("/state")).status_code == 200

    page.clock.move(1000 * 366 * 86_400)

    answer = await page.get("/state")
    assert (answer.status_code, answer.json()["problem"]) == (401, "password_expired")


async def test_only_listed_addresses_may_call(start: Starter) -> None:
    page = await start(top={"api": {"allow_from": ["10.1.0.0/16"]}})

    for path in ("/", "/sign-in", "/static/page.css", "/state"):
        answer = await page.get(path)
        assert answer.status_code == 403
        assert "10004" in answer.text or answer.json()["problem"] == "not_allowed"
    assert (await page.try_password("123456")).status_code == 403
