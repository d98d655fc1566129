"""A terminal whose device interface listens on real sockets; only its hardware is not real."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.edge.running_terminal import RunningTerminal, Starter
from tests.support.fake_platform import FakePlatform


@pytest.fixture
async def start(tmp_path: Path, platform: FakePlatform) -> AsyncIterator[Starter]:
    """Return a function that starts a terminal: keys of ``[api]``, and `top` for the others."""
    async with AsyncExitStack() as stack:

        async def begin(*, top: dict[str, Any] | None = None, **api: Any) -> RunningTerminal:
            made = RunningTerminal(tmp_path, platform.base_url, top or {}, api)
            return await stack.enter_async_context(made)

        yield begin


@pytest.fixture
async def terminal(start: Starter) -> RunningTerminal:
    """Return a terminal as the factory delivers it."""
    return await start()
