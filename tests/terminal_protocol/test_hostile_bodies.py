"""Bodies of any contents are read or refused with work that grows no faster than their size."""

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from terminal_protocol import (
    FaceMatch,
    UnreadableBody,
    WrongMessageType,
    messages_in,
    read_body,
    read_feedback,
)
from terminal_protocol._work_budget import OBJECTS_MAX, VALUES_MAX
from tests.support.hostile_bodies import SHAPES, body_of

UNREADABLE = {"not_json", "not_an_object", "too_deep", "too_large", "too_many"}
SIZES = (300_000, 600_000)
# Whatever the size: escapes are undone in a few passes.
CALLS_FOR_ESCAPES = 2_000


def _calls(work: Callable[[], object]) -> int:
    """Return how many functions a piece of work called, Python's and C's, whatever the machine."""
    calls = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    earlier = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(earlier)
    return calls


def _read(raw: bytes) -> None:
    """Read a body as any message."""
    try:
        body = read_body(raw)
        read_feedback(body.data, *body.further)
        FaceMatch.from_wire(messages_in(body)[0].data)
    except UnreadableBody as error:
        assert error.code in UNREADABLE
    except WrongMessageType:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_shape_takes_a_call_for_each_of_its_pieces(shape: tuple[bytes, bytes, bytes]) -> None:
    """A call for each escape, number or key took up to 13 s for 8 MB."""
    bodies = [body_of(shape, size) for size in SIZES]

    small, large = (_calls(partial(_read, raw)) for raw in bodies)

    assert large <= 2.2 * small + 1_000


@pytest.mark.parametrize(
    "name",
    ["backslashes, not ended", "no escapes", "line breaks, wrong comma", "codes, wrong comma",
     "halves in codes", "codes cut", "percent signs", "quoted-printable"],
)  # fmt: skip
def test_escapes_are_undone_in_few_passes(name: str) -> None:
    assert _calls(partial(_read, body_of(SHAPES[name], 600_000))) <= CALLS_FOR_ESCAPES


def _keys(count: int) -> bytes:
    return json.dumps({f"k{number}": 1 for number in range(count)}).encode()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (_keys(VALUES_MAX + 1), "too_large"),
        (b'{"userId":"1","x":' + _keys(VALUES_MAX + 1) + b"}", "too_large"),
        (json.dumps(_keys(VALUES_MAX + 1).decode()).encode(), "too_large"),
        (b"a=" + b"%" * 200_000, "too_large"),
        (b'{"a":"' + b"\\u" * 200_000, "too_large"),
        (b'{"a":1}' * (OBJECTS_MAX + 1), "too_many"),
        (b"{'a':1}" * (OBJECTS_MAX + 1), "too_large"),
    ],
    ids=["keys", "inner keys", "keys in a text", "percent signs", "codes", "objects", "broken"],
)
def test_more_than_a_body_may_hold_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(UnreadableBody) as refused:
        read_body(raw)

    assert refused.value.code == code


def test_the_largest_batch_is_read() -> None:
    entries: list[dict[str, Any]] = [
        {"userID": str(number), "status": "100", "msg": "ok"} for number in range(10_000)
    ]
    for sent in ({"resultList": entries}, {"resultList": json.dumps(entries)}):
        body = read_body(json.dumps(sent).encode())

        assert len(read_feedback(body.data)[0]) == len(entries)


def test_of_extras_no_more_is_looked_at_than_can_be_kept() -> None:
    data = {"userId": "1", "x": list(range(90_000)), "y": {"a": [1, 2]}}

    message = FaceMatch.from_wire(data)

    assert message.extras == {"y": {"a": [1, 2]}}
    assert "extras_too_large" in message.faults
    assert _calls(lambda: FaceMatch.from_wire(data)) < 50_000
