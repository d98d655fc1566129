"""What README and guides say, taken apart: commands, paths, links and variables."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_INLINE = re.compile(r"`([^`\n]+(?:\n[^`\n]+)?)`")


def documents() -> list[Path]:
    """Return README in both languages, the guides, and the decisions."""
    return [*sorted(ROOT.glob("README*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a block of code, continued lines joined.

    Attributes:
        where: file and number, for messages.
        text: without indentation.
        block: number of the block within its document.
    """

    where: str
    text: str
    block: int


def code_lines(document: Path) -> Iterator[Line]:
    """Yield the lines of a document's indented blocks of code."""
    block, is_inside, before, begun = 0, False, "", ""
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if not line.strip():
            before = ""
            continue
        if line.startswith("    ") and (is_inside or not before):
            block += not is_inside
            is_inside = True
            begun += line.strip()
            if begun.endswith("\\"):
                begun = begun.removesuffix("\\")
                continue
            yield Line(f"{document.relative_to(ROOT)}:{number}", begun, block)
            begun = ""
        else:
            is_inside = False
        before = line


def inline_code(document: Path) -> list[str]:
    """Return what stands between single backquotes, a line break taken as a blank."""
    return [" ".join(found.split()) for found in _INLINE.findall(document.read_text())]


def words_of(command: str) -> list[str]:
    """Return the words of a command as a shell reads them, without its comment."""
    return shlex.split(command, comments=True)


def anchors(document: Path) -> set[str]:
    """Return the anchors of a document's headings, as hosts of repositories make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE):
        plain = re.sub(r"[`*]", "", heading).strip().lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found
