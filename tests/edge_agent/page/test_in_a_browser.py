"""The page as a browser shows it: signing in, moving by itself, opening, both languages."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import ENTER, Browser, browsing
from tests.support.edge.running_page import RunningPage, Starter
from tests.support.edge.running_terminal import PERSON
from tests.support.tools import needs_tool

pytestmark = [
    pytest.mark.browser,
    needs_tool("chromedriver", package="chromium-driver"),
]


async def shown(
    folder: Path,
    look: Callable[[Browser], Any],
    *,
    width: int = 1366,
    is_dark: bool = False,
) -> Any:
    """Let a browser look in a thread, while this loop serves the page."""

    def work() -> Any:
        with browsing(folder / "profile", width=width, height=844, is_dark=is_dark) as browser:
            return look(browser)

    return await asyncio.to_thread(work)


def signed_in(browser: Browser, page: RunningPage) -> None:
    browser.go(page.page_url)
    browser.type("#password", "123456" + ENTER)
    browser.wait("document.getElementById('passes-title')")


def own(complaints: list[str]) -> list[str]:
    """What is left of the complaints when refused passwords are taken out."""
    return [one for one in complaints if "/sign-in" not in one or "401" not in one]


async def test_passes_and_picture_appear_without_loading_anew(
    page: RunningPage, tmp_path: Path
) -> None:
    loop = asyncio.get_running_loop()
    assert await page.code("userAdd", {**PERSON, "photo": ""}) == 200

    def look(browser: Browser) -> tuple[str, list[str]]:
        browser.go(page.page_url)
        browser.type("#password", "wrong" + ENTER)
        browser.wait("document.getElementById('message').textContent")
        refused = browser.text("#message")
        browser.type("#password", "123456" + ENTER)
        browser.wait("document.getElementById('no-passes')?.hidden === false")
        coming = asyncio.run_coroutine_threadsafe(page.somebody_comes(200), loop)
        coming.result(10)
        browser.wait("document.querySelectorAll('#passes li').length === 1")
        browser.wait("document.getElementById('picture').naturalWidth === 64")
        browser.wait("document.querySelector('.face img')?.naturalWidth > 0")
        assert "not recognised" in browser.text("#passes li")
        assert "1 held, 0 can be recognised" in browser.text("#people")
        return refused, browser.complaints()

    refused, complaints = await shown(tmp_path, look)

    assert refused == "The password is not right."
    assert own(complaints) == []


async def test_door_is_opened_with_the_keyboard_alone_and_never_by_enter_twice(
    page: RunningPage, tmp_path: Path
) -> None:
    def look(browser: Browser) -> str:
        signed_in(browser, page)
        browser.run("document.getElementById('open').focus()")
        for _ in range(2):
            browser.press(ENTER)
            browser.press("Paket 包裹" + ENTER)
            browser.wait("!document.getElementById('sure').hidden")
            browser.press(ENTER)  # the focus is on "cancel"
            browser.wait("!document.getElementById('ask').open")
            browser.run("document.getElementById('open').focus()")
        assert page.relay.pulses_ms == []
        browser.press(ENTER)
        browser.press("Paket 包裹" + ENTER)
        browser.wait("!document.getElementById('sure').hidden")
        browser.click("#sure .danger")
        browser.wait("document.getElementById('message').textContent")
        reported = browser.text("#message")
        browser.wait("document.getElementById('openings').textContent.includes('包裹')")
        assert own(browser.complaints()) == []
        return reported

    assert await shown(tmp_path, look) == "The door was opened."
    assert page.relay.pulses_ms == [3000]


@pytest.mark.parametrize(("language", "width", "is_dark"), [("zh", 390, True), ("en", 390, False)])
async def test_page_fits_a_telephone(
    start: Starter, tmp_path: Path, language: str, width: int, is_dark: bool
) -> None:
    page = await start(language=language)
    for shade in (100, 200):
        await page.somebody_comes(shade)

    def look(browser: Browser) -> tuple[int, list[str]]:
        signed_in(browser, page)
        browser.wait("document.querySelectorAll('#passes li').length === 2")
        wide = browser.run("return document.documentElement.scrollWidth")
        small = browser.run(
            "return [...document.querySelectorAll('button')].filter(b => b.offsetParent)"
            ".filter(b => b.getBoundingClientRect().height < 44).map(b => b.textContent)"
        )
        return wide, small

    wide, small = await shown(tmp_path, look, width=width, is_dark=is_dark)

    assert wide <= width
    assert small == []


@pytest.mark.parametrize("is_dark", [True, False])
@pytest.mark.parametrize("width", [1280, 390])
async def test_nothing_bars_anybody_from_the_page(
    page: RunningPage, tmp_path: Path, width: int, is_dark: bool
) -> None:
    await page.somebody_comes(100)

    def look(browser: Browser) -> list[str]:
        browser.go(page.page_url)
        entrance = browser.barriers()
        browser.type("#password", "123456" + ENTER)
        browser.wait("document.querySelectorAll('#passes li').length === 1")
        return entrance + browser.barriers()

    assert await shown(tmp_path, look, width=width, is_dark=is_dark) == []


async def test_page_says_what_is_wrong_and_recovers(page: RunningPage, tmp_path: Path) -> None:
    path = page.parts.database.path
    aside = path.with_name("aside")

    def look(browser: Browser) -> str:
        signed_in(browser, page)
        browser.wait("document.getElementById('people').textContent.includes('held')")
        path.rename(aside)
        path.mkdir()
        browser.wait("!document.getElementById('trouble').hidden")
        reported = browser.text("#trouble")
        path.rmdir()
        aside.rename(path)
        browser.wait("document.getElementById('trouble').hidden")
        return reported

    assert "cannot be read" in await shown(tmp_path, look)


async def test_end_of_the_session_leads_to_the_entrance(page: RunningPage, tmp_path: Path) -> None:
    def look(browser: Browser) -> None:
        signed_in(browser, page)
        page.parts.interfaces.page.sessions.end_all()
        browser.wait("location.pathname === '/sign-in'")

    await shown(tmp_path, look)
