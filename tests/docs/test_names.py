"""What README and guides name is there: files, headings, variables, tests, log words, metrics."""

import re
from pathlib import Path

import pytest

from records.choices import AlertKind, Severity
from tests.support.documents import ROOT, anchors, documents, inline_code

_SOURCES = ("devices", "faces", "records", "edge_agent", "platform", "tools", "tests", "benchmarks")
# Made by a run or written by the reader.
_MADE = ("var/", "build/", "records/<", "index/", "faces/…", "media", "devices/<", "commands/")
_KINDS = re.compile(r"\.(py|md|toml|yml|yaml|po|mo|conf|lock|txt)$")
_VARIABLE = re.compile(r"\b((?:MENJIN|TEST|S3|CELERY|DJANGO|AWS)_[A-Z_0-9]+)\b")


def source_text() -> str:
    """Return all sources, the compose file and the Makefile as one text."""
    files = [path for name in _SOURCES for path in sorted((ROOT / name).rglob("*.py"))]
    more = [ROOT / name for name in ("docker-compose.yml", "Makefile", ".env.example")]
    return "\n".join(path.read_text() for path in [*files, *more])


@pytest.fixture(scope="module")
def source() -> str:
    return source_text()


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text()):
        place, _, anchor = target.partition("#")
        if "://" in target:
            continue
        path = (document.parent / place).resolve() if place else document
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path), target


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(document: Path) -> None:
    below = ("", "platform", "platform/menjin", "edge_agent", "tools", "docs")
    roots = [*(ROOT / name for name in below), document.parent]
    for text in inline_code(document):
        path = text.partition("::")[0]
        is_path = re.fullmatch(r"[\w.\-]+(/[\w.\-]+)+/?", path)
        if (
            not is_path
            or path.startswith(_MADE)
            or not re.search(r"\.(py|md|toml|yml|yaml|po|mo|conf|lock|txt)$", path)
        ):
            continue
        assert any((root / path).exists() for root in roots), path


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_tests_that_are_named_exist(document: Path, source: str) -> None:
    for name in set(re.findall(r"`(test_\w+)`", document.read_text())):
        assert f"def {name}(" in source, name


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_variables_that_are_named_are_read(document: Path, source: str) -> None:
    for name in set(_VARIABLE.findall(document.read_text())):
        assert re.search(rf"\b{name}\b", source), name


def test_every_variable_of_the_settings_is_in_the_guide() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text()
    settings = "".join(
        path.read_text() for path in (ROOT / "platform" / "menjin" / "settings").glob("*.py")
    )
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', settings))

    assert {"DATABASE_URL", "MENJIN_TERMINAL_SLOTS"} <= read
    assert {
        one for one in read if not one.startswith("TEST_") and f"`{one}`" not in operations
    } == set()


def test_words_of_the_log_are_written_by_the_product() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("## Logs")[2]
    section = section.partition("\n## ")[0]
    product = "".join(
        path.read_text()
        for name in ("devices", "faces", "records", "platform")
        for path in (ROOT / name).rglob("*.py")
    )
    words = {
        word
        for row in re.findall(r"^\| (`[^|]+)\|", section, re.MULTILINE)
        for word in re.findall(r"`(\w+)`", row)
    }

    assert len(words) > 20
    assert {word for word in words if not re.search(rf'"{word}\b', product)} == set()


def test_metrics_that_are_named_are_served() -> None:
    section = (ROOT / "docs" / "operations.md").read_text().partition("## Metrics")[2]
    named = set(re.findall(r"`(menjin_\w+)`", section))
    served = (ROOT / "platform" / "console" / "metrics.py").read_text()

    assert len(named) >= 6
    assert {name for name in named if f'"{name}"' not in served} == set()


def test_settings_of_the_software_terminal_are_those_of_its_template() -> None:
    """Rows of docs/edge-agent.md that begin with keys name keys of the commented template."""
    guide = (ROOT / "docs" / "edge-agent.md").read_text()
    template = (ROOT / "edge_agent" / "config" / "template.py").read_text()
    sections = "".join(path.read_text() for path in (ROOT / "edge_agent" / "config").glob("*.py"))
    keys = set()
    for table in re.findall(r"^\| key[^\n]*\n\|[-| ]+\n((?:\|[^\n]*\n)+)", guide, re.MULTILINE):
        for row in table.splitlines():
            keys |= set(re.findall(r"`([a-z_]+)`", row.split("|")[1]))

    assert len(keys) > 15
    assert {key for key in keys if not re.search(rf"\b{key}\b", template + sections)} == set()


def test_every_kind_of_alert_is_in_the_managers_table() -> None:
    guide = (ROOT / "docs" / "managers.md").read_text().partition("| alert | severity |")[2]
    rows = dict(re.findall(r"^\| ([^|]+?) \| ([^|]+?) \|", guide, re.MULTILINE))

    wanted = {str(kind.label).lower() for kind in AlertKind}
    assert wanted - {name.lower() for name in rows} == set()
    severities = {str(one.label).lower() for one in Severity}
    assert {rows[name] for name in rows if name.lower() in wanted} <= severities
