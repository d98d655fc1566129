"""The page of a screen beside the door, over a real socket."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from edge_agent.drivers.base import Cue, Prompt
from edge_agent.drivers.exceptions import DriverUnavailable
from edge_agent.drivers.prompt_texts import Language
from edge_agent.drivers.prompter_display import DisplayPrompter, DisplayPrompterOptions


@pytest.fixture
async def display() -> AsyncIterator[DisplayPrompter]:
    options = DisplayPrompterOptions(port=0, names=True, forget_s=0.2)
    made = options.make()
    await made.open()
    yield made
    await made.close()


@pytest.fixture
async def browser(display: DisplayPrompter) -> AsyncIterator[httpx.AsyncClient]:
    base = f"http://127.0.0.1:{display.port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=5, verify=False) as made:
        yield made


class Screen:
    """An open stream of events."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def reported(self) -> dict[str, Any]:
        async with asyncio.timeout(5):
            async for line in self._lines:
                if line.startswith("data: "):
                    reported: dict[str, Any] = json.loads(line.removeprefix("data: "))
                    return reported
        raise AssertionError("the stream ended")


NOTHING = {"words": "", "cue": "idle"}


async def test_a_screen_shows_what_is_told_and_forgets_it(
    display: DisplayPrompter, browser: httpx.AsyncClient
) -> None:
    async with browser.stream("GET", "/events") as response:
        screen = Screen(response)
        first = await screen.reported()
        await display.prompt(Prompt(Cue.WELCOME, "Ann", 36.6))
        second, third = await screen.reported(), await screen.reported()

    assert response.headers["content-type"] == "text/event-stream"
    assert first == third == NOTHING
    assert second == {"words": "Welcome, Ann, 36.6 °C", "cue": "welcome"}


async def test_a_screen_that_comes_later_shows_the_same(
    display: DisplayPrompter, browser: httpx.AsyncClient
) -> None:
    await display.prompt(Prompt(Cue.STRANGER))

    async with browser.stream("GET", "/events") as response:
        reported = await Screen(response).reported()

    assert reported == {"words": "You are not known here", "cue": "stranger"}


async def test_a_newer_prompt_stays_its_whole_time() -> None:
    display = DisplayPrompterOptions(port=0, forget_s=1.0).make()
    await display.open()
    loop = asyncio.get_running_loop()
    base = f"http://127.0.0.1:{display.port}"
    async with (
        httpx.AsyncClient(base_url=base, trust_env=False, verify=False) as browser,
        browser.stream("GET", "/events") as response,
    ):
        screen = Screen(response)
        await screen.reported()
        await display.prompt(Prompt(Cue.WAIT))
        await screen.reported()
        await asyncio.sleep(0.4)  # a part of the time that words stay
        await display.prompt(Prompt(Cue.WELCOME))
        told_at_s = loop.time()
        assert (await screen.reported())["cue"] == "welcome"
        assert await screen.reported() == NOTHING
    await display.close()

    assert loop.time() - told_at_s >= 0.95


async def test_a_name_is_text_and_never_a_page(
    display: DisplayPrompter, browser: httpx.AsyncClient
) -> None:
    """Names travel as JSON in one line and are set as text; the page itself holds none."""
    name = '</script><img src=x onerror=alert(1)>\n\ndata: {"words": "owned"}\r\r'

    async with browser.stream("GET", "/events") as response:
        screen = Screen(response)
        await screen.reported()
        await display.prompt(Prompt(Cue.WELCOME, name))
        reported = await screen.reported()
    page, script = await browser.get("/"), await browser.get("/display.js")

    assert reported == {"words": f"Welcome, {name}", "cue": "welcome"}
    assert "img src" not in page.text
    assert "textContent" in script.text
    assert "innerHTML" not in script.text


async def test_page_allows_nothing_but_its_own_files(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/")

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    # What the policy forbids anyway: nothing inline, nothing from elsewhere.
    assert re.findall(r"<script(?![^>]* src=)|<style| style=| on\w+=|https?://", page.text) == []
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        answer = await browser.get(path)
        assert answer.status_code == 200
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_page_speaks_the_language_of_its_words() -> None:
    display = DisplayPrompterOptions(port=0, language=Language.CHINESE).make()
    await display.open()
    base = f"http://127.0.0.1:{display.port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, verify=False) as browser:
        page = await browser.get("/")
    await display.close()

    assert '<html lang="zh">' in page.text


async def test_screens_are_limited_and_make_room_when_they_go(
    display: DisplayPrompter, browser: httpx.AsyncClient
) -> None:
    async with contextlib.AsyncExitStack() as streams:
        screens = []  # one that is forgotten hangs up
        for _ in range(8):
            response = await streams.enter_async_context(browser.stream("GET", "/events"))
            screens.append(Screen(response))
            await screens[-1].reported()
        assert (await browser.get("/events")).status_code == 503

    async with asyncio.timeout(5):
        while True:
            async with browser.stream("GET", "/events") as response:
                if response.status_code == 200:
                    break
            await asyncio.sleep(0.01)


async def test_closing_ends_the_streams(display: DisplayPrompter) -> None:
    base = f"http://127.0.0.1:{display.port}"
    async with (
        httpx.AsyncClient(base_url=base, trust_env=False, verify=False) as browser,
        browser.stream("GET", "/events") as response,
    ):
        screen = Screen(response)
        await screen.reported()
        async with asyncio.timeout(3):
            await display.close()
        with pytest.raises((AssertionError, httpx.RemoteProtocolError)):
            while True:
                await screen.reported()


async def test_closed_display_can_be_opened_again(display: DisplayPrompter) -> None:
    await display.close()
    await display.close()
    await display.open()
    async with httpx.AsyncClient(trust_env=False, verify=False) as browser:
        answer = await browser.get(f"http://127.0.0.1:{display.port}/")

    assert answer.status_code == 200


async def test_taken_port_is_one_clear_sentence(display: DisplayPrompter) -> None:
    other = DisplayPrompterOptions(port=display.port).make()

    with pytest.raises(
        DriverUnavailable, match=rf"^the display page cannot listen on 127\.0\.0\.1:{display.port}$"
    ):
        await other.open()
    await other.close()
