"""Programs and files that a machine may lack: a test skips without them, but never in CI.

Where ``MENJIN_REQUIRE_TOOLS`` is set, a test that is skipped for any reason has failed.
"""

import importlib
import importlib.util
import os
import shutil
from collections.abc import Generator
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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a skipped test fail where everything must be there; one expected to fail may."""
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_instead(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Have a skipped module fail as well."""
    report = yield
    _fail_instead(report)
    return report


def _fail_instead(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get(REQUIRED):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"{why}, although {REQUIRED} is set"
