"""``docs/openapi-conformance.md`` names everything that is served, and tests that exist."""

import re
from pathlib import Path

from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import CALLS
from terminal_protocol.device_objects import PERI_PARA_OBJECT, SMART_FACE_OBJECT

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "openapi-conformance.md").read_text()


def test_every_address_and_code_is_named() -> None:
    missing = [one.path for one in CALLS.values() if one.path.rpartition("/")[2] not in TEXT]
    missing += [code for code in RetCode if code != "0" and f"| {code.value} |" not in TEXT]

    assert missing == []


def test_what_every_field_of_8_1_4_and_8_1_5_does_is_told() -> None:
    effects = TEXT.partition("## What settings do")[2].partition("\n## ")[0]
    named = set(re.findall(r"^\| `(\w+)` \|", effects, re.MULTILINE))

    assert named == {*SMART_FACE_OBJECT.names, *PERI_PARA_OBJECT.names}


def test_tests_that_are_named_exist() -> None:
    sources = {path.name: path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    for name in set(re.findall(r"`(test_\w+)`", TEXT)):
        assert any(f"def {name}(" in source for source in sources.values()), name
    for name in set(re.findall(r"`(test_\w+\.py)`", TEXT)):
        assert name in sources
