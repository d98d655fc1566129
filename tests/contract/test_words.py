"""The house's words: plain first lines of docstrings, and no word that was retired."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("devices", "faces", "records", "edge_agent", "platform", "tools")

# Word of an identifier or file name, and what to write instead.
RETIRED = {
    "told": "sent, notified, reported, or sync state",
    "untold": "unsent, not notified",
    "doom": "mark for deletion",
    "doomed": "marked for deletion",
    "dooms": "marks for deletion",
    "twin": "duplicate",
    "twins": "duplicates",
    "breath": "yield to urgent work",
    "breathe": "yield to urgent work",
    "breathes": "yields to urgent work",
    "breathing": "yielding to urgent work",
    "glance": "live view",
    "glances": "live views",
    "errand": "priority",
    "errands": "priorities",
    "crowded": "overloaded",
    "crowding": "load, load shedding",
    "sentaway": "shed count",
    "lane": "terminal API, class of priority",
    "lanes": "terminal API, classes of priority",
    "quiet": "idle",
    "keeping": "visit writer, or what is kept",
    "story": "event log",
    "stories": "event logs",
    "standing": "sync state",
    "whoever": "caller",
    "whom": "person, terminal",
    "nobody": "no person, unknown",
    "somebody": "person, user",
    "everybody": "all people",
    "anybody": "any person",
}
# Names that were retired as a whole, though their words are good in others.
RETIRED_NAMES = {"SentAway", "sent_away", "Made", "Ended", "Heard"}
# Riddles in the first line of a docstring and in what is logged.
RIDDLES = re.compile(r"\b(whoever|whom|nobody|somebody)\b", re.IGNORECASE)

# Names that may stay, each because it is written down outside of the code.
KEPT = {
    "told_from": "column of faces_delivery",
    "told_token": "column of faces_delivery",
    "also_told": "column of records_record",
    "stamp_lane": "column of devices_terminalcommand",
    "told_in_vain": "filter of the REST contract",
    "needs_somebody": "filter of the REST contract",
}
# Files and folders that are not clean yet. A line may only be deleted, and must be once it is.
NOT_CLEAN = (
    "edge_agent/commands/",
    "edge_agent/doctor/",
    "edge_agent/drivers/",
    "edge_agent/recognition/",
    "edge_agent/service/",
    "edge_agent/storage/",
    "edge_agent/upstream/",
    "platform/face_engine/",
    "platform/terminal_protocol/",
)


def modules() -> Iterator[Path]:
    """Yield the product's own Python files, migrations aside."""
    for folder in SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "migrations" not in path.parts:
                yield path


def words_of(name: str) -> list[str]:
    """Return the words of an identifier, split at underscores and capitals, in small letters."""
    return [one.lower() for one in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def is_retired(name: str) -> bool:
    """Tell whether a name must not be used; of ``told_token__lt`` the column counts."""
    column = name.partition("__")[0] or name
    if name in KEPT or column in KEPT:
        return False
    return name in RETIRED_NAMES or not RETIRED.keys().isdisjoint(words_of(name))


def names_in(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield every identifier of a module with its line."""
    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield line, node.name
            case ast.Name():
                yield line, node.id
            case ast.Attribute():
                yield line, node.attr
            case ast.arg() | ast.keyword():
                yield line, node.arg or ""
            case ast.alias():
                yield line, node.asname or node.name.rpartition(".")[2]


def first_lines(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the first line of every docstring with the line of what it describes.

    A module that holds something has one; it is "" where it does not.
    """
    if tree.body and ast.get_docstring(tree) is None:
        yield 1, ""
    described = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in ast.walk(tree):
        if isinstance(node, described) and (text := ast.get_docstring(node)) is not None:
            yield getattr(node, "lineno", 1), text.partition("\n")[0]


def log_texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield what calls of a logger begin with: the word of the event and its sentence."""
    levels = {"debug", "info", "warning", "error", "exception", "critical", "log"}
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=level)) if (
                level in levels and name in {"logger", "log", "_log", "_logger"}
            ):
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                        yield node.lineno, argument.value
                        break


def faults_of(path: Path) -> list[str]:
    """Return what a module's words offend against, a line each."""
    tree = ast.parse(path.read_text())
    place = path.relative_to(ROOT)
    faults = [f"{place}: name of the file" for part in place.parts if is_retired(Path(part).stem)]
    faults += [f"{place}:{line} {name}" for line, name in names_in(tree) if is_retired(name)]
    for line, text in first_lines(tree):
        if not re.fullmatch(r"[A-Z].*\.", text):
            faults.append(f"{place}:{line} first line is no sentence: {text}")
        if RIDDLES.search(text):
            faults.append(f"{place}:{line} first line is a riddle: {text}")
    for line, text in log_texts(tree):
        event = text.partition(" ")[0]
        if RIDDLES.search(text.replace("_", " ")) or is_retired(event):
            faults.append(f"{place}:{line} logged: {text}")
    return faults


@pytest.fixture(scope="module")
def faults() -> list[str]:
    return [fault for path in modules() for fault in faults_of(path)]


def test_the_product_speaks_the_words_of_the_field(faults: list[str]) -> None:
    assert [fault for fault in faults if not fault.startswith(NOT_CLEAN)] == []


@pytest.mark.parametrize("place", NOT_CLEAN)
def test_a_place_that_is_clean_is_not_on_the_list(place: str, faults: list[str]) -> None:
    assert [fault for fault in faults if fault.startswith(place)] != [], "delete its line"


def test_names_that_may_stay_are_used() -> None:
    used = {
        name.partition("__")[0]
        for path in modules()
        for _, name in names_in(ast.parse(path.read_text()))
    }
    assert KEPT.keys() - used == set()


def test_words_are_found_within_names() -> None:
    assert words_of("TerminalAPIInFront") == ["terminal", "api", "in", "front"]
    assert is_retired("_told_at") and is_retired("NeedsSomebody") and is_retired("SentAway")
    assert is_retired("BulkLane") and not is_retired("planes") and not is_retired("untoldx")
    assert not is_retired("told_token__lt") and is_retired("__told")


def test_the_glossary_has_every_word_in_chinese_and_none_that_was_retired() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+?) \|$", text, re.MULTILINE)
    rows = [row for row in rows if row[0] != "word"]

    assert len(rows) > 80
    assert [word for word, chinese, _ in rows if not re.search(r"[\u4e00-\u9fff]", chinese)] == []
    words = {word for row in rows for word in re.findall(r"[a-z]+", " ".join(row).lower())}
    assert words & RETIRED.keys() == set()
    assert len({word for word, _, _ in rows}) == len(rows)
