"""Both languages are complete, and page, script and server use the same words."""

import re
from html import unescape
from importlib.resources import files
from string import Template

import pytest

from edge_agent.config.sections import Language
from edge_agent.door.decision import DoorReason
from edge_agent.page.texts import texts_of
from edge_agent.service.supervision import State
from tests.support.edge.running_page import RunningPage, Starter

ENGLISH, CHINESE = texts_of(Language.ENGLISH), texts_of(Language.CHINESE)
FOLDER = files("edge_agent.page")
OWN_OF_PAGES = {"lang", "words", "languages", "name", "token", "message", "device_id", "version"}
LOOPS = {
    "door",
    "library",
    "uplink",
    "visit_writer",
    "presence",
    "cards",
    "api",
    "page",
    "watchdog",
}


def test_every_word_is_there_in_both_languages() -> None:
    assert [
        name
        for name, word in ENGLISH.items()
        if not word.strip() or (not word.isascii() and not re.fullmatch(r"[\x20-\x7e…]+", word))
    ] == []
    assert [name for name, word in CHINESE.items() if not re.search(r"[\u4e00-\u9fff]", word)] == []


def test_what_is_filled_in_is_the_same_in_both() -> None:
    holes = re.compile(r"\{(\w+)\}")
    for name, word in ENGLISH.items():
        assert sorted(holes.findall(word)) == sorted(holes.findall(CHINESE[name])), name


@pytest.mark.parametrize("page", ["page.html", "sign-in.html"])
def test_pages_use_known_words_only(page: str) -> None:
    used = Template((FOLDER / "html" / page).read_text()).get_identifiers()

    assert set(used) - OWN_OF_PAGES <= set(ENGLISH)


@pytest.mark.parametrize("script", ["page.js", "sign-in.js"])
def test_scripts_use_known_words_only(script: str) -> None:
    text = (FOLDER / "static" / script).read_text()
    used = set(re.findall(r"\bwords\.(\w+)", text)) | set(re.findall(r'filled\("(\w+)"', text))

    assert used
    assert used <= set(ENGLISH)


def test_every_reason_state_loop_and_problem_has_words() -> None:
    wanted = {f"reason_{one}" for one in (*DoorReason, "relay_failed")}
    wanted |= {f"state_{one}" for one in State} | {f"loop_{one}" for one in LOOPS}
    for source in ("views", "server", "guards", "requests"):
        text = (FOLDER / f"{source}.py").read_text()
        wanted |= {f"problem_{one}" for one in re.findall(r'Refused\(\d+, "(\w+)"', text)}

    assert wanted <= set(ENGLISH)


def test_no_word_is_left_over() -> None:
    """Whatever nobody uses would be translated for nothing."""
    texts = [
        (FOLDER / folder / name).read_text()
        for folder, name in (
            *(("html", "page.html"), ("html", "sign-in.html")),
            *(("static", "page.js"), ("static", "sign-in.js")),
        )
    ]
    plain = [
        one for one in ENGLISH if not one.startswith(("reason_", "state_", "loop_", "problem_"))
    ]

    assert [one for one in plain if not re.search(rf"\b{one}\b", "\n".join(texts))] == []


@pytest.mark.parametrize(("language", "word"), [("en", "Sign in"), ("zh", "登录")])
async def test_page_speaks_the_language_of_the_configuration(
    start: Starter, language: str, word: str
) -> None:
    page = await start(language=language)

    assert f">{word}</button>" in (await page.get("/sign-in")).text


@pytest.mark.parametrize(
    ("accepted", "word"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "登录"),
        ("zh", "登录"),
        ("fr-FR, zh-Hant-TW;q=0.7, en;q=0.5", "登录"),
        ("en-GB,en;q=0.9,zh;q=0.8", "Sign in"),
        ("zh;q=0, en;q=0.1", "Sign in"),
        ("fr, *;q=0.5", "Sign in"),
        ("zhx;q=;;,\u00e9", "Sign in"),
    ],
)
async def test_page_opens_in_the_language_of_the_browser(
    page: RunningPage, accepted: str, word: str
) -> None:
    headers = {"Accept-Language": accepted.encode()}

    assert f">{word}</button>" in (await page.get("/sign-in", headers=headers)).text


async def test_a_configured_language_and_a_chosen_one_come_before_the_browsers(
    start: Starter,
) -> None:
    page = await start(language="en")
    headers = {"Accept-Language": "zh"}

    assert ">Sign in</button>" in (await page.get("/sign-in", headers=headers)).text
    await page.get("/sign-in?language=zh")
    assert ">登录</button>" in (await page.get("/sign-in", headers={"Accept-Language": "en"})).text


async def test_visitor_chooses_a_language_that_is_remembered(page: RunningPage) -> None:
    answer = await page.get("/sign-in?language=zh")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/sign-in")

    shown = (await page.get("/sign-in")).text

    assert '<html lang="zh-CN">' in shown
    assert "设备密码" in shown
    await page.sign_in()
    assert "实时画面" in (await page.get("/")).text
    assert "您已退出登录" not in (await page.get("/nothing")).text
    assert "页面不存在" in (await page.get("/nothing")).text


@pytest.mark.parametrize("language", ["", "fr", "ZH", "zh; Path=/", "x" * 5000])
async def test_other_languages_change_nothing(page: RunningPage, language: str) -> None:
    page.http.cookies.set("menjin_page_language", language.replace(";", "%3B"))
    answer = await page.get("/sign-in", params={"language": language})

    assert answer.status_code == 200
    assert "Device password" in answer.text


async def test_names_are_escaped(start: Starter) -> None:
    page = await start(top={"api": {"device_name": "<b>\"&'$x"}})
    await page.sign_in()

    for path in ("/", "/static/page.js"):
        assert "<b>" not in (await page.get(path)).text
    title = re.search("<h1>(.*?)</h1>", (await page.get("/")).text)
    assert title
    assert unescape(title[1]) == "<b>\"&'$x"
