"""Section ``[page]``, and the port that it names."""

import asyncio
import random
import socket
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import AgentConfig, parse_config
from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.sections import PageLanguage
from edge_agent.page import PageServer
from tests.support.edge.running_page import RunningPage
from tests.support.fake_platform import FakePlatform


def parsed(page: dict[str, Any], **api: Any) -> AgentConfig:
    table = {"device_id": "1", "base_url": "http://h/t/x", "page": page, "api": api}
    return parse_config(table, base=Path("/srv/door"))


def test_page_is_for_this_computer_until_told_otherwise() -> None:
    page = parsed({}).page

    assert (page.enabled, page.host, page.port) == (True, "127.0.0.1", 8897)
    assert page.language is PageLanguage.BROWSER


@pytest.mark.parametrize(
    ("page", "api", "key"),
    [
        ({"host": "0.0.0.0"}, {}, "api.password"),
        ({"host": "::"}, {}, "api.password"),
        ({"host": "door.example"}, {}, "api.password"),
        ({"host": ""}, {}, "page.host"),
        ({"host": "a b"}, {}, "page.host"),
        ({"port": 8899}, {}, "page.port"),
        ({"port": 9000}, {}, "page.port"),
        ({"port": 65_536}, {}, "page.port"),
        ({"language": "fr"}, {}, "page.language"),
        ({"names": ["Door.example"]}, {}, "page.names"),
        ({"names": ["door.example:8897"]}, {}, "page.names"),
        ({"names": ["*"]}, {}, "page.names"),
        ({"names": [""]}, {}, "page.names"),
        ({"pictures_per_s": 0}, {}, "page.pictures_per_s"),
        ({"watchers_most": 0}, {}, "page.watchers_most"),
        ({"picture_px": 10_000}, {}, "page.picture_px"),
        ({"colour": "blue"}, {}, "page.colour"),
    ],
)
def test_what_is_impossible_is_named(page: dict[str, Any], api: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        parsed(page, **api)

    assert str(caught.value).startswith(key)


@pytest.mark.parametrize(
    ("page", "api"),
    [
        ({"host": "0.0.0.0"}, {"password": "correct horse"}),
        ({"host": "0.0.0.0"}, {"password": ""}),
        ({"host": "0.0.0.0", "enabled": False}, {}),
        ({"host": "::1"}, {}),
        ({"port": 8899}, {"port": 8898}),
        ({"port": 8899}, {"enabled": False}),
        ({"port": 0}, {"port": 0}),
        ({"names": ["door.example", "raspberrypi", "10.example"]}, {}),
    ],
)
def test_what_is_possible_is_taken(page: dict[str, Any], api: dict[str, Any]) -> None:
    assert parsed(page, **api).page is not None


async def test_port_that_is_taken_is_said_and_tried_again(
    tmp_path: Path, platform: FakePlatform
) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        page = RunningPage(tmp_path, platform.base_url, {}, {"port": port})
        async with AsyncExitStack() as stack:
            opening = asyncio.create_task(stack.enter_async_context(page))
            await page.reported("page_problem")
            holder.close()
            await opening

            (problem,) = page.named("page_problem")
            assert problem["problem"] == f"127.0.0.1:{port}: address already in use"
            assert page.port == port
            assert (await page.get("/sign-in")).status_code == 200


async def test_page_that_is_switched_off_listens_nowhere(page: RunningPage) -> None:
    off = parsed({"enabled": False}).page
    parts = page.parts
    sources = parts.interfaces.page._status._sources
    server = PageServer(
        *(off, page.config.api, parts.interfaces.terminal, sources),
        file=parts.database.path,
        rng=random.Random(1),
    )
    running = asyncio.create_task(server.run())
    await asyncio.wait([running], timeout=0.1)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])

    assert len(page.named("page")) == 1


async def test_page_ends_at_once_while_somebody_waits_for_a_picture(page: RunningPage) -> None:
    """A long wait for a picture must not hold up the end of the terminal."""
    await page.sign_in()
    waiting = asyncio.create_task(page.get("/picture"))
    await asyncio.wait([waiting], timeout=0.1)
    assert page._page is not None

    page._page.cancel()
    async with asyncio.timeout(4):
        await asyncio.wait([page._page])
        await asyncio.wait([waiting])

    assert waiting.exception() is not None or waiting.result().status_code == 204
