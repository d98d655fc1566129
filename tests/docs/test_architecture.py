"""The chains of docs/architecture.md lead through functions that are there."""

import ast
import re

import pytest

from tests.support.documents import ROOT

_DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()
_TEXT = re.sub(r"\s+", " ", _DOCUMENT)
_JOURNEYS = ("A pass", "A temperature", "Enrolment", "Presence", "A remote command")
# `file`: `name`
_STEPS = sorted(set(re.findall(r"`([\w/]+\.py)`: `(\w+)`", _TEXT)))


@pytest.mark.parametrize(("path", "name"), _STEPS, ids=lambda one: str(one).rsplit("/", 1)[-1])
def test_a_step_is_a_function_or_class_of_its_file(path: str, name: str) -> None:
    assert name in defined_in(path)


def test_the_journeys_are_there() -> None:
    assert len(_STEPS) > 15
    assert all(len(journey(heading)) > 100 for heading in _JOURNEYS)


def journey(heading: str) -> str:
    """Return the text of one section."""
    return _DOCUMENT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def defined_in(path: str) -> set[str]:
    """Return the functions and classes of a file, methods aside."""
    body = ast.parse((ROOT / path).read_text()).body
    named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {one.name for one in body if isinstance(one, named)}


@pytest.mark.parametrize("heading", _JOURNEYS)
def test_a_name_in_a_journey_is_of_one_of_its_files(heading: str) -> None:
    text = journey(heading)
    files = sorted(set(re.findall(r"`([\w/]+\.py)`", text)))
    names = set(re.findall(r"`(\w+)`", text))

    assert [path for path in files if not (ROOT / path).is_file()] == []
    assert names - {name for path in files for name in defined_in(path)} == set()
