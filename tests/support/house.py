"""The project's own files and lines of them."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ("devices", "faces", "records", "edge_agent", "platform", "tools")


def sources() -> Iterator[Path]:
    """Yield the product's own Python files, migrations aside."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def named(path: Path) -> str:
    """Return a path as messages show it."""
    return str(path.relative_to(ROOT))


def lines_with(pattern: str, *, where: str = "") -> dict[str, list[int]]:
    """Return file name to the lines of code (comments aside) that match."""
    found: dict[str, list[int]] = {}
    for path in sources():
        if where and where not in named(path):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(pattern, line.split("  #")[0]):
                found.setdefault(named(path), []).append(number)
    return found
