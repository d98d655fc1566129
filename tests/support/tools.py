"""Programs and files that a machine may lack: a test skips without them, but never in CI."""

import importlib
import importlib.util
import os
import shutil
from typing import Any, NoReturn

import pytest

# Set by .ci/run, which installs them all.
REQUIRED = "MENJIN_REQUIRE_TOOLS"
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"


def missing(what: str) -> NoReturn:
    """Skip the test that needs it; where everything must be there, fail instead."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{what}, although {REQUIRED} is set", pytrace=False)
    pytest.skip(what, allow_module_level=True)


def absent(what: str) -> NoReturn:
    """Skip a test of something that not every machine can have, in CI as elsewhere."""
    pytest.skip(what)


def module(name: str, *, extra: str) -> Any:
    """Return a module, or skip with the extra of this project that brings it."""
    if importlib.util.find_spec(name) is None:
        missing(f"{name} is not installed (extra {extra})")
    return importlib.import_module(name)


def tool(name: str, *, package: str) -> str:
    """Return the path of a program, or skip with the Debian package that brings it."""
    found = shutil.which(name, path=_PATH)
    if found is None:
        missing(f"{name} is not installed (package {package})")
    return str(found)


def needs_tool(name: str, *, package: str) -> pytest.MarkDecorator:
    """Return a mark for tests that need a program; see ``pytest_runtest_setup``."""
    return pytest.mark.needs_tool(name, package)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the programs a test is marked with."""
    for mark in item.iter_markers("needs_tool"):
        tool(mark.args[0], package=mark.args[1])
