"""The chains of docs/architecture.md lead through functions that are there."""

import ast
import re

import pytest

from tests.support.documents import ROOT

_TEXT = re.sub(r"\s+", " ", (ROOT / "docs" / "architecture.md").read_text())
# `file`: `name`
_STEPS = sorted(set(re.findall(r"`([\w/]+\.py)`: `(\w+)`", _TEXT)))


@pytest.mark.parametrize(("path", "name"), _STEPS, ids=lambda one: str(one).rsplit("/", 1)[-1])
def test_a_step_is_a_function_or_class_of_its_file(path: str, name: str) -> None:
    defined = ast.parse((ROOT / path).read_text()).body
    named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    assert name in {one.name for one in defined if isinstance(one, named)}


def test_the_journeys_are_there() -> None:
    assert len(_STEPS) > 15
