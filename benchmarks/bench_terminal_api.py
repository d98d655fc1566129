"""Cost of each request of a terminal: CPU of platform and database, and queries.

In one process with the settings of production, PostgreSQL and Redis from wheels, one request after
the other through the whole WSGI application. CPU time and not wall time, so that a busy machine
changes little; PostgreSQL and Redis are read from /proc. Yardstick, in turns with the rest: a
request that is refused for its address alone.
"""

import argparse
import io
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _cpu import cpu_seconds, postgres_process, redis_process
from _report import conclude, print_table, standard_arguments

from terminal_protocol import FaceMatch, Heartbeat, ResultFeedback
from terminal_protocol.messages import write_feedback
from tests.support.production import UNLIMITED, Production
from tests.support.services import pytest_unconfigure, start_postgres, start_redis

Ask = Callable[[int], bytes]
_COSTS = ("queries", "platform_ms", "postgres_ms", "redis_ms")
_PART = (
    10  # requests; the median of such parts is reported, because neighbours disturb some of them
)
_NEWCOMER = "poll, one new face"
_YARDSTICK = "unknown address (yardstick)"


class Caller:
    """Asks a WSGI application as a server does."""

    def __init__(self, application: Any, base: str) -> None:
        self._application = application
        self._base = base

    def get(self, path: str, query: str = "") -> bytes:
        """Return the body of the answer to a GET; ``path`` below the site's address or absolute."""
        return self._ask("GET", path, query, b"")

    def post(self, path: str, message: object) -> bytes:
        """Return the body of the answer to an upload."""
        return self._ask("POST", path, "", json.dumps(message).encode())

    def _ask(self, method: str, path: str, query: str, body: bytes) -> bytes:
        environ = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path if path.startswith("/") else f"{self._base}/{path}",
            "SCRIPT_NAME": "",
            "QUERY_STRING": query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_HOST": "127.0.0.1",
            "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
        }
        answer = self._application(environ, lambda _status, _headers, _error=None: None)
        try:
            return b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()


class Fleet:
    """Terminals in the states that the measured requests need."""

    def __init__(self, caller: Caller, jpegs: list[bytes], requests: int) -> None:
        self.caller = caller
        self.jpegs = jpegs
        self.cursors: dict[str, int] = {}
        self.pictures: list[str] = []
        for number in range(requests):
            # One that has everything, and one that has said no more than that it is there.
            self.sync(f"full-{number}")
            caller.post(f"syheartbeat/empty-{number}", _beat(f"empty-{number}"))
        self.settle()

    def sync(self, device_id: str) -> None:
        """Poll from zero until nothing is new."""
        cursor = 0
        entries: list[Any] = [{}]
        while entries:
            answer = json.loads(self.caller.get(f"syrecord/{device_id}", f"lastQueryTime={cursor}"))
            entries, cursor = (answer["serviceResponse"][key] for key in ("list", "lastQueryTime"))
            self.pictures += [one["imageUrl"].removeprefix("http://127.0.0.1") for one in entries]
        self.cursors[device_id] = cursor

    def settle(self) -> None:
        """Bring all terminals up to the clock, which each first library moves."""
        for device_id in self.cursors:
            answer = json.loads(self.poll(device_id))
            self.cursors[device_id] = answer["serviceResponse"]["lastQueryTime"]

    def poll(self, device_id: str) -> bytes:
        """Poll with the terminal's cursor."""
        query = f"lastQueryTime={self.cursors[device_id]}"
        return self.caller.get(f"syrecord/{device_id}", query)

    def face(self, number: int, mark: str) -> dict[str, Any]:
        """Return a pass with a picture of its own."""
        jpeg = self.jpegs[number % len(self.jpegs)]
        remark = f"{mark}{number}".encode()
        whole = jpeg[:2] + b"\xff\xfe" + (len(remark) + 2).to_bytes(2, "big") + remark + jpeg[2:]
        return FaceMatch(
            user_id="200",
            user_name="Somebody",
            user_type="user",
            device_id=f"full-{number}",
            action_code=1,
            action="进门",
            mask=False,
            captured_at=datetime.now(UTC),
            similarity=88,
            image=whole,
        ).to_wire()


def _beat(device_id: str) -> dict[str, Any]:
    return Heartbeat(device_id=device_id, server_url="").to_wire()


def kinds(fleet: Fleet) -> dict[str, Ask]:
    """Return the measured requests; each takes its number.

    Later ones may move the clock: polls that need it still come first.
    """
    caller = fleet.caller

    def results(number: int) -> bytes:
        results = [ResultFeedback(user_id, "100", "操作成功") for user_id in ("200", "201")]
        return caller.post(f"syresult/full-{number}", write_feedback(results))

    return {
        _YARDSTICK: lambda number: caller.get(f"synobody/full-{number}"),
        "poll, nothing new": lambda number: fleet.poll(f"full-{number}"),
        "heartbeat": lambda number: caller.post(
            f"syheartbeat/empty-{number}", _beat(f"empty-{number}")
        ),
        "picture": lambda number: caller.get(fleet.pictures[number]),
        "result of two": results,
        "pass, not verified": lambda number: caller.post(
            f"syface/full-{number}", fleet.face(number, "pass")
        ),
        "first contact": lambda number: caller.post(
            f"syheartbeat/new-{number}", _beat(f"new-{number}")
        ),
        "first page (two faces)": lambda number: caller.get(
            f"syrecord/empty-{number}", "lastQueryTime=0"
        ),
        "poll, news for others only": lambda number: fleet.poll(f"full-{number}"),
        _NEWCOMER: lambda number: fleet.poll(f"full-{number}"),
    }


class Queries:
    """Counts statements, transactions' own ones included, while it is open."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, *rest: Any) -> Any:
        """Pass a statement on."""
        self.count += 1
        return execute(*rest)


def measure(
    asks: dict[str, Ask],
    prepare: dict[str, Callable[[], object]],
    requests: int,
    processes: dict[str, int],
) -> list[list[Any]]:
    """Return rows: kind, queries, milliseconds of CPU of the platform, PostgreSQL and Redis."""
    from django.db import connection

    rows = []
    for kind, ask in asks.items():
        prepare.get(kind, lambda: None)()
        queries = Queries()
        begin = {name: cpu_seconds([pid]) for name, pid in processes.items()}
        parts = []
        with connection.execute_wrapper(queries):
            for start in range(0, requests, _PART):
                begin_s = time.process_time()
                for number in range(start, start + _PART):
                    ask(number)
                parts.append((time.process_time() - begin_s) / _PART)
        spent = [(cpu_seconds([pid]) - begin[name]) / requests for name, pid in processes.items()]
        columns = [round(one * 1000, 3) for one in (statistics.median(parts), *spent)]
        rows.append([kind, round(queries.count / requests, 2), *columns])
    return rows


def _folder_of_portraits() -> dict[str, Path]:
    from face_engine import install_models, install_portraits

    install_models()
    return install_portraits()


def _platform(folder: Path) -> Iterator[Any]:
    """Yield the WSGI application of a new installation in this process."""
    os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"] = start_postgres(), start_redis()
    made = Production(folder, name="terminal-api")
    made.manage("migrate", "--verbosity", "0")
    os.environ.update({**made.environment, **UNLIMITED, "MENJIN_VAR": str(folder)})
    os.environ["LOG_LEVEL"] = "ERROR"
    from menjin.wsgi import application

    yield application


def run(arguments: argparse.Namespace, folder: Path) -> int:
    """Measure and report."""
    portraits = _folder_of_portraits()
    application = next(_platform(folder))
    from fleet.run import snapshots_of
    from tests.support.factories import make_library, make_person, make_site

    # Many more newcomers in an hour than a site takes by itself.
    site = make_site(code="bench", verification="off", newcomers_per_hour=10_000)
    library = make_library(site)
    for number, name in enumerate(("obama.jpg", "biden.jpg")):
        make_person(site, user_id=f"20{number}", photo=portraits[name], libraries=[library])
    caller = Caller(application, f"/t/{site.tokens.get().token}")
    fleet = Fleet(caller, snapshots_of([portraits["obama.jpg"]]), arguments.requests)
    processes = {
        "PostgreSQL": postgres_process(os.environ["TEST_DATABASE_URL"]),
        "Redis": redis_process(os.environ["TEST_REDIS_URL"]),
    }

    def enrol() -> object:
        return make_person(site, user_id="300", photo=portraits["obama2.jpg"], libraries=[library])

    rows = measure(kinds(fleet), {_NEWCOMER: enrol}, arguments.requests, processes)
    print_table(["request", "queries", "platform ms", "PostgreSQL ms", "Redis ms"], rows)
    platform_ms = {row[0]: row[2] for row in rows}
    return conclude(
        arguments,
        name="terminal-api",
        ratio=platform_ms[_YARDSTICK] / platform_ms["poll, nothing new"],
        demanded=0.0,
        outcome={
            "requests": arguments.requests,
            "costs": {kind: dict(zip(_COSTS, costs, strict=True)) for kind, *costs in rows},
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = standard_arguments(__doc__.split("\n", 1)[0], repeats=1)
    parser.add_argument("--requests", type=int, default=300, help="of each kind")
    arguments = parser.parse_args()
    arguments.requests = 20 if arguments.quick else arguments.requests // _PART * _PART
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as name:
        try:
            return run(arguments, Path(name))
        finally:
            pytest_unconfigure()


if __name__ == "__main__":
    sys.exit(main())
