"""A test that lacks a tool is skipped by a person, and fails in CI."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.tools import REQUIRED, module, tool

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.sqlite


def test_without_a_tool_a_test_is_skipped_and_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv(REQUIRED, raising=False)

    with pytest.raises(pytest.skip.Exception, match=r"no-such-tool .*package some-package"):
        tool("no-such-tool", package="some-package")
    with pytest.raises(pytest.skip.Exception, match=r"no_such_module .*extra edge-opencv"):
        module("no_such_module", extra="edge-opencv")


def test_where_everything_must_be_there_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(REQUIRED, "1")

    with pytest.raises(pytest.fail.Exception, match="no-such-tool"):
        tool("no-such-tool", package="some-package")
    with pytest.raises(pytest.fail.Exception, match="no_such_module"):
        module("no_such_module", extra="edge-opencv")


SKIPPED = {
    "test_mark": "@pytest.mark.skipif(True, reason='marked')\ndef test_one(): ...",
    "test_call": "def test_one(): pytest.skip('called')",
    "test_module": "pytest.skip('whole', allow_module_level=True)",
    "test_known": "@pytest.mark.xfail(strict=True)\ndef test_one(): raise ValueError",
}


@pytest.mark.parametrize(
    ("required", "counts"),
    [("", "3 skipped, 1 xfailed"), ("1", "1 failed, 1 xfailed, 2 errors")],
)
def test_whatever_skips_fails_where_everything_must_be_there(
    tmp_path: Path, required: str, counts: str
) -> None:
    for name, body in SKIPPED.items():
        (tmp_path / f"{name}.py").write_text(f"import pytest\n{body}\n")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = needs_tool: as in the project\n")
    options = ["-p", "no:django", "-p", "no:cacheprovider", "-p", "tests.support.tools"]

    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--continue-on-collection-errors", *options, "."],
        cwd=tmp_path,
        env={**os.environ, REQUIRED: required, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert counts in done.stdout.splitlines()[-1]
    assert (done.returncode == 0) is not bool(required)


def test_ci_requires_them_and_installs_every_package_that_tests_name() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    named = {
        found
        for path in (ROOT / "tests").rglob("*.py")
        if path.name != "test_tools.py"
        for found in re.findall(r'tool\("[^"]+", package="([a-z0-9-]+)"', path.read_text())
    }
    installed = re.search(r"packages=\(([^)]*)\)", script)

    assert f"export {REQUIRED}=1" in script
    assert installed is not None
    assert named == {"nginx-light", "chromium-driver", "curl", "espeak-ng"}
    assert named <= set(installed[1].split())


def test_no_other_test_skips_for_a_missing_tool() -> None:
    """They would do so in CI as well; what belongs to one database is marked with it."""
    own = {"tools.py", "test_tools.py", "fake_i2c.py"}
    found = [
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if path.name not in own
        and re.search(
            r"importorskip|skipif\([^)]*(which\(|SQLITE|vendor)|pytest\.skip\(",
            path.read_text(),
        )
    ]

    assert found == []
