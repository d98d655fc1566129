"""The house style, as far as a machine can see it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("devices", "faces", "records", "edge_agent", "platform", "tools")
MODULE_LINES = 400
FUNCTION_LINES = 50


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


def test_nothing_shadows_the_standard_librarys_platform() -> None:
    assert not (ROOT / "platform" / "__init__.py").exists()
    assert not [path for path in ROOT.glob("tests/**/platform") if path.is_dir()]


def test_modules_and_functions_stay_short() -> None:
    too_long = []
    for path in sources():
        text = path.read_text()
        if len(text.splitlines()) > MODULE_LINES:
            too_long.append(f"{named(path)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    too_long.append(f"{named(path)}:{node.lineno} {node.name}: {length} lines")
    assert too_long == []


def test_the_path_is_edited_in_one_place() -> None:
    assert lines_with(r"sys\.path") == {}
    assert "sys.path" in (ROOT / "manage.py").read_text()


def test_tasks_are_queued_after_commit_only() -> None:
    assert lines_with(r"\.(delay|apply_async)\(") == {}
    senders = set(lines_with(r"\.send_task\("))
    # The embedded server queues one task at its start, outside of any transaction.
    assert senders == {
        "platform/server_common/on_commit.py",
        "platform/console/management/commands/serve.py",
    }


def test_async_and_sync_meet_at_the_bridges_only() -> None:
    met = set(lines_with(r"\b(sync_to_async|async_to_sync)\b"))
    assert met <= {"platform/server_common/on_commit.py", "platform/server_common/async_bridge.py"}


def test_views_do_not_query() -> None:
    # ``.objects.none()`` only names the model to the OpenAPI description.
    assert lines_with(r"\.objects\.(?!none\(\))", where="/api/") == {}


def test_selectors_do_not_write() -> None:
    pattern = r"\.(save|create|update|bulk_create|bulk_update|delete)\("
    assert lines_with(pattern, where="selectors.py") == {}


@pytest.mark.parametrize("pattern", [r"^\s*assert ", r"\bprint\(", r"except:\s*$"])
def test_some_statements_have_no_place_in_the_product(pattern: str) -> None:
    allowed = {"edge_agent/__main__.py", "platform/face_engine/__main__.py"}
    assert set(lines_with(pattern)) - allowed == set()


def test_stars_are_imported_by_settings_only() -> None:
    assert all("settings/" in name for name in lines_with(r"import \*"))


def test_whoever_catches_everything_logs_or_passes_it_on() -> None:
    """A catch-all stands at the border of a request, a thread or a loop, or undoes and raises."""
    silent = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ExceptHandler) or node.type is None:
                continue
            if ast.unparse(node.type) not in {"Exception", "BaseException"}:
                continue
            handled = "\n".join(ast.unparse(statement) for statement in node.body)
            if not re.search(
                r"\braise\b|\.exception\(|set_exception\(|__cause__|exc_info", handled
            ):
                silent.append(f"{named(path)}:{node.lineno}")
    assert silent == []


def test_no_file_names_a_registry_or_a_machine() -> None:
    hosts = "|".join(("py" + r"pi\.org", "python" + "hosted", "npm" + r"js\.", "deb" + r"\.debian"))
    paths = "|".join(("/wo" + "rk/", "/ro" + r"ot/\."))
    named_in = []
    for path in sorted(ROOT.rglob("*")):
        parts = set(path.relative_to(ROOT).parts)
        hidden = {".venv", ".git", "var", "__pycache__", ".mypy_cache", ".hypothesis"}
        if not path.is_file() or parts & hidden or path.stat().st_size > 1_000_000:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if re.search(hosts, text) or re.search(paths, text):
            named_in.append(named(path))
    assert named_in == []
