"""Order of the files: what takes longest first, so that no core waits for another at the end.

Files are handed to the processes one by one (``--dist loadfile``), and a file stays with one
process: its tests may share servers. By number of tests, as xdist would order them, a file with
one test of minutes comes last.
"""

import gc
from collections import Counter
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put files with slow tests first, then those in browsers, then by number of tests."""
    tests = Counter(item.path for item in items)
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    in_browsers = {item.path for item in items if item.get_closest_marker("browser")}

    def place(path: Path) -> tuple[bool, bool, int, str]:
        return path not in slow, path not in in_browsers, -tests[path], str(path)

    items.sort(key=lambda item: place(item.path))


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Exempt all that is imported and collected from garbage collection, which takes long in it."""
    gc.collect()
    gc.freeze()
