"""CPU time of reading a body, for every kind of content.

Each shape that may keep a reader busy is read; reported is the CPU time for a megabyte of it.
Yardstick is ``json.loads`` of a usual body of the same size, a pass with its picture, in the same
run on the same machine. No body of the largest size allowed may take longer than a second.
"""

import json
import sys
import time
from collections.abc import Callable

from _report import conclude, print_table, standard_arguments

from terminal_protocol import (
    FaceMatch,
    UnreadableBody,
    WrongMessageType,
    messages_in,
    read_body,
    read_feedback,
)
from tests.support.hostile_bodies import SHAPES, body_of

_MB = 1024 * 1024
USUAL = (b'{"userId":"1","img":"', b"QUJD", b'"}')
DEMANDED_S = 1.0


def _as_message(raw: bytes) -> str:
    """Read a body as results and as a pass; returns the outcome."""
    try:
        body = read_body(raw)
        read_feedback(body.data, *body.further)
        FaceMatch.from_wire(messages_in(body)[0].data)
    except UnreadableBody as error:
        return error.code
    except WrongMessageType:
        return "another message"
    return "read"


def _least_s(work: Callable[[], object], repeats: int) -> float:
    """Return the processor time of the quickest run."""
    took: list[float] = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        took.append(time.process_time() - started)
    return min(took)


def main() -> int:
    """Measure and print; 1 when a shape takes too long."""
    parser = standard_arguments(__doc__.splitlines()[0], repeats=2)
    parser.add_argument("--megabytes", type=int, default=8, help="size of each body")
    chosen = parser.parse_args()
    size = (1 if chosen.quick else chosen.megabytes) * _MB
    repeats = 1 if chosen.quick else chosen.repeats
    usual = body_of(USUAL, size)
    plain_s = _least_s(lambda: json.loads(usual), max(3, repeats))
    rows: list[list[object]] = []
    took_s: dict[str, float] = {}
    for name, shape in {"usual": USUAL, **SHAPES}.items():
        raw = body_of(shape, size)
        outcome = _as_message(raw)
        seconds = took_s[name] = _least_s(lambda raw=raw: _as_message(raw), repeats)  # type: ignore[misc]
        per_mb = seconds * 1e3 / (len(raw) / _MB)
        rows.append([name, f"{per_mb:.1f}", f"{seconds / plain_s:.0f}", outcome])
    print_table(["body", "ms/MB", "x json.loads", "outcome"], rows)
    slowest = max(took_s, key=lambda name: took_s[name])
    print(f"slowest: {slowest}, {took_s[slowest]:.2f} s for {size // _MB} MB")
    code: int = conclude(
        chosen,
        name="bodies",
        ratio=DEMANDED_S / took_s[slowest],
        demanded=1.0,
        outcome={
            "size_mb": size // _MB,
            "json_loads_ms": round(plain_s * 1e3, 2),
            "shapes_ms": {name: round(seconds * 1e3, 1) for name, seconds in took_s.items()},
        },
    )
    return code


if __name__ == "__main__":
    sys.exit(main())
