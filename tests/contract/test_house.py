"""The house style, as far as a machine can see it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.house import ROOT, lines_with, named, sources

MODULE_LINES = 400
TEST_LINES = 500
FUNCTION_LINES = 50


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


@pytest.mark.parametrize("app", ["devices", "faces", "records"])
def test_rest_packages_have_the_same_four_parts(app: str) -> None:
    """Each is a module, or a package of that name whose ``__init__`` names what it offers."""
    package = ROOT / app / "api"
    parts = {
        path.stem for path in package.iterdir() if path.name not in {"__init__.py", "__pycache__"}
    }
    assert parts == {"filters", "serializers", "urls", "views"}
    for folder in (path for path in package.iterdir() if path.is_dir()):
        if folder.name != "__pycache__":
            assert "__all__" in (folder / "__init__.py").read_text()


@pytest.mark.parametrize("app", ["devices", "faces", "records"])
def test_statements_written_by_hand_name_tables_of_their_own_app(app: str) -> None:
    """What they need of another app's tables comes as fragments from the queries of that app."""
    others = {"devices", "faces", "records"} - {app}
    in_words = re.compile(rf"\b(?:FROM|JOIN|UPDATE|INTO)\s+(?:{'|'.join(sorted(others))})_\w")
    strangers = []
    for path in (path for path in sources() if named(path).startswith(f"{app}/")):
        tree = ast.parse(path.read_text())
        foreign = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in others
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and in_words.search(str(node.value)):
                strangers.append(f"{named(path)}:{node.lineno}")
            if not isinstance(node, ast.Call) or not node.args:
                continue
            is_of_tables = ast.unparse(node.func) in {"table", "columns_of"}
            if is_of_tables and ast.unparse(node.args[0]) in foreign:
                strangers.append(f"{named(path)}:{node.lineno} {ast.unparse(node)}")
    assert strangers == []


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
        hidden = {
            ".venv",
            ".git",
            "var",
            "__pycache__",
            ".mypy_cache",
            ".pytest_cache",
            ".hypothesis",
        }
        if not path.is_file() or parts & hidden or path.stat().st_size > 1_000_000:
            continue
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        if re.search(hosts, text) or re.search(paths, text):
            named_in.append(named(path))
    assert named_in == []


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file names in its imports, wherever in it they stand."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or "")
        elif isinstance(node, ast.Import):
            yield from (name.name for name in node.names)


@pytest.mark.parametrize("folder", ["tests", "benchmarks"])
def test_what_tests_share_lies_in_tests_support(folder: str) -> None:
    """A test module may be renamed, split or run alone: nothing else imports it."""
    wrong = [
        f"{named(path)}: {module}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for module in imported(path)
        if re.match(r"\.|conftest|tests(?!\.support\b)", module)
    ]

    assert wrong == []


def private(node: ast.expr) -> bool:
    """Tell whether an expression names something private of another object."""
    return any(
        isinstance(part, ast.Attribute)
        and re.match(r"_(?!_)", part.attr)
        and not (isinstance(part.value, ast.Name) and part.value.id in {"self", "cls"})
        for part in ast.walk(node)
    )


def tampering(tree: ast.AST) -> Iterator[ast.stmt | ast.expr]:
    """Yield what replaces something private, sets it, or empties it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.Delete):
            targets = node.targets
        elif isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        else:
            targets = []
        if any(isinstance(one, ast.Attribute) and private(one) for one in targets):
            yield node
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr in {"clear", "cache_clear"} and private(node.func.value):
            yield node
        named_here = [one.value for one in node.args if isinstance(one, ast.Constant)]
        if node.func.attr in {"setattr", "delattr", "patch", "object"} and any(
            re.search(r"(^|\.)_(?!_)\w+$", str(one)) for one in named_here
        ):
            yield node


def test_no_test_changes_what_is_private() -> None:
    """What tests must set is an argument, or public; what they reset hangs on an object of theirs.

    All that a process remembers is forgotten at once, by ``process_state_forget``.
    """
    wrong = [
        f"{named(path)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in tampering(ast.parse(path.read_text()))
    ]

    assert wrong == []


def test_what_a_test_may_not_change_is_found() -> None:
    changes = """
monkeypatch.setattr(module, "_LIMIT", 2)
monkeypatch.setattr("package.module._LIMIT", 2)
mock.patch.object(module, "_LIMIT", 2)
module._store.cache_clear()
server._sessions.clear()
relay._hold_until_s -= 1
client._tls = None
"""
    allowed = "self._x = 1; self._x.clear(); box.answers.clear(); patch.setattr(module, 'LIMIT', 2)"

    found = sorted(node.lineno for node in tampering(ast.parse(changes)))
    assert found == list(range(2, 9))
    assert list(tampering(ast.parse(allowed))) == []


def test_files_of_tests_stay_short() -> None:
    too_long = [
        f"{named(path)}: {lines} lines"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if (lines := len(path.read_text().splitlines())) > TEST_LINES
    ]

    assert too_long == []
