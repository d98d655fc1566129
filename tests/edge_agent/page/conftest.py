"""A terminal whose page listens on a real socket; only its hardware is not real."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.edge.running_page import RunningPage, Starter
from tests.support.fake_platform import FakePlatform


@pytest.fixture
async def start(tmp_path: Path, platform: FakePlatform) -> AsyncIterator[Starter]:
    """Return a function that starts a terminal: keys of ``[page]``, and `top` for the others."""
    async with AsyncExitStack() as stack:

        async def begin(*, top: dict[str, Any] | None = None, **page: Any) -> RunningPage:
            made = RunningPage(tmp_path, platform.base_url, top or {}, page)
            return await stack.enter_async_context(made)

        yield begin


@pytest.fixture
async def page(start: Starter) -> RunningPage:
    """Return a terminal as the factory delivers it, with nobody signed in."""
    return await start()
