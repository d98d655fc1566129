"""Tests that this run cannot have are left out of it; none is skipped (``.ci/run`` forbids it).

``make test`` runs twice: on PostgreSQL and Redis, and, with ``MENJIN_TEST_SQLITE=1``, on SQLite
without Redis. What is about one of the two is deselected from the other. So is what not every
machine can have: the evaluation photos, and the right to mount a small disk.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.small_disk import can_mount

PHOTOS = Path(os.environ.get("MENJIN_PHOTOS", Path(__file__).parents[3] / "shared" / "photos"))


def is_on_sqlite() -> bool:
    """Tell whether this run is the one on SQLite without Redis."""
    return bool(os.environ.get("MENJIN_TEST_SQLITE"))


def has_photos() -> bool:
    """Tell whether the evaluation photos are on this machine."""
    return (PHOTOS / "pairs.csv").is_file()


# Mark to whether this run has what it asks for.
_NEEDS: dict[str, Callable[[], bool]] = {
    "postgres": lambda: not is_on_sqlite(),
    "redis": lambda: not is_on_sqlite(),
    "shared_photos": has_photos,
    "small_disk": can_mount,
}


def is_possible(item: pytest.Item) -> bool:
    """Tell whether this run has what a test is marked to need."""
    sqlite = item.get_closest_marker("sqlite")
    if sqlite is not None and sqlite.kwargs.get("only") and not is_on_sqlite():
        return False
    return all(has() for mark, has in _NEEDS.items() if item.get_closest_marker(mark))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what this run cannot have."""
    impossible = [item for item in items if not is_possible(item)]
    if impossible:
        config.hook.pytest_deselected(items=impossible)
        items[:] = [item for item in items if is_possible(item)]
