"""Payloads as terminals really send them, with what must become of each."""

import json
from pathlib import Path
from typing import Any

import pytest

_FILE = Path(__file__).parents[1] / "terminal_protocol" / "golden" / "golden.json"


def golden_cases(kind: str = "") -> list[Any]:
    """Return the cases whose path begins with ``kind`` (all by default), as test parameters."""
    cases = json.loads(_FILE.read_text(encoding="utf-8"))["cases"]
    return [
        pytest.param(case, id=case["name"]) for case in cases if case["path"].startswith(f"/{kind}")
    ]
