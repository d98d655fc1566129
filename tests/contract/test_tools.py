"""A test that lacks a tool is skipped by a person, and fails in CI."""

import re
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
    """They would do so in CI as well."""
    own = {"tools.py", "test_tools.py"}
    found = [
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if path.name not in own
        and re.search(r"importorskip|skipif\([^)]*which\(", path.read_text())
    ]

    assert found == []
