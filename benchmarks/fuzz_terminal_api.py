"""Fuzzer of the terminal API: no request may break it.

A real server is started on an empty database and gets generated requests over connections kept
alive: the seed's examples of 9.2 to 9.5 with fields lost, mistyped and misspelt, broken encodings,
forms, binary rubbish, deep nesting, huge numbers, pictures of every kind, odd paths, queries and
headers. Every answer must be what a terminal can read; afterwards the log must hold no traceback
and no address token, and memory must be flat.

    python benchmarks/fuzz_terminal_api.py --requests 100000 --seed 1 [--production]
"""

import argparse
import http.client
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _terminal_requests import BODY_LIMIT_BYTES, Generator, Request

from tests.support.processes import ROOT, free_port, program, start, stop, wait_listening
from tests.support.services import pytest_unconfigure, start_postgres, start_redis

MEMORY_FACTOR, MEMORY_SLACK_MB = 1.15, 30.0
_FAILURES_SHOWN = 10
_CALLERS = 6
# People with photos, so that there is something to sync and to fetch. The photos are accepted as
# they are: this is about requests, not about faces.
_PREPARE = """
import json
from devices.models import Terminal
from devices.services import site_create
from faces.models import FacePhoto, Library, Person
from faces.services.pictures import picture_path
from tests.support.people import enrol
site = site_create(code="s", name="S", auto_approve=True, newcomers_per_hour=100_000)
terminal = Terminal.objects.create(
    site=site, device_id="0000001", status="approved", all_libraries=True
)
library = Library.objects.create(site=site, name="L")
for number in range(20):
    enrol(library, f"{111222 + number}")
photos = FacePhoto.objects.values_list("pk", flat=True)[:5]
token = site.tokens.get()
paths = [picture_path(photo, terminal.pk, token.pk) for photo in photos]
grants = [path.rpartition("/")[2][:-4] for path in paths]
print(json.dumps({"token": token.token, "grants": grants}))
"""


@dataclass(slots=True)
class Tally:
    """Counts of the answers, over all threads."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    done: int = 0

    def add(self, word: str, failure: str | None) -> None:
        """Count one answer."""
        with self.lock:
            self.done += 1
            self.answers[word] += 1
            if failure is not None:
                self.failures.append(failure)


def judge(request: Request, status: int, content_type: str, body: bytes) -> str | None:
    """Return what is wrong with an answer, None when a terminal can read it."""
    is_picture = request.target.startswith("/i/")
    if status not in ({200, 304, 404} if is_picture else {200}):
        return f"status {status}"
    if content_type.lower().startswith("text/html") or b"<html" in body[:2000].lower():
        return "HTML"
    if is_picture:
        return None if status != 200 or content_type == "image/jpeg" else "no picture"
    if request.method == "HEAD":
        return None
    try:
        answer = json.loads(body)
    except ValueError:
        return "no JSON"
    if not isinstance(answer, dict):
        return "no object"
    if isinstance(answer.get("serviceResponse"), dict) and "syrecord" in request.target:
        return None
    return None if isinstance(answer.get("ret"), str) else "no ret"


def answer_code(body: bytes) -> str:
    """Return the code in an answer, so that the figures show how deep the requests got."""
    try:
        answer = json.loads(body)
    except ValueError:
        return ""
    if not isinstance(answer, dict):
        return ""
    return f"ret {answer['ret']}" if "ret" in answer else ", ".join(answer)


class Caller(threading.Thread):
    """Sends requests over one connection for as long as the server keeps it open."""

    def __init__(self, port: int, generator: Generator, budget: Callable[[], bool], tally: Tally):
        super().__init__(daemon=True)
        self.port, self.generator, self.budget, self.tally = port, generator, budget, tally
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def run(self) -> None:
        """Send until the budget is used up."""
        while self.budget():
            request = self.generator.request()
            try:
                status, kind, body = self._exchange(request)
            except (OSError, http.client.HTTPException) as error:
                self.connection.close()
                self._note("broken", request, f"no answer: {type(error).__name__}: {error}")
                continue
            word = f"{status} {answer_code(body)}".strip()
            self._note(word, request, judge(request, status, kind, body))

    def _note(self, word: str, request: Request, wrong: str | None) -> None:
        if wrong is not None:
            shown = f"{wrong}: {request.method} {request.target[:200]} {request.headers!r:.300}"
            wrong = f"{shown} {request.body[:300]!r} ({len(request.body)} bytes)"
            wrong = wrong.replace(self.generator.token, "<token>")
        self.tally.add(word, wrong)

    def _exchange(self, request: Request) -> tuple[int, str, bytes]:
        is_fresh = self.connection.sock is None
        try:
            return self._once(request)
        except (ConnectionError, http.client.RemoteDisconnected, http.client.CannotSendRequest):
            # A server may close a connection between requests; a fresh one must be answered.
            self.connection.close()
            if is_fresh:
                raise
            return self._once(request)

    def _once(self, request: Request) -> tuple[int, str, bytes]:
        connection = self.connection
        connection.putrequest(request.method, request.target, True, True)  # noqa: FBT003
        for name, value in request.headers:
            connection.putheader(name, value.encode("latin-1"))
        if request.chunked:
            connection.putheader("Transfer-Encoding", "chunked")
        elif request.body or request.method not in {"GET", "HEAD"}:
            connection.putheader("Content-Length", str(len(request.body)))
        try:
            connection.endheaders(request.body or None, encode_chunked=request.chunked)
        except (BrokenPipeError, ConnectionResetError):
            # Refused before it was read to its end: the answer may be there already.
            if not request.body:
                raise
        response = connection.getresponse()
        answer = response.status, response.headers.get("Content-Type", ""), response.read()
        if response.will_close:
            connection.close()
        return answer


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process and its descendants."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended meanwhile
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in family)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class Budget:
    """Hands out a fixed number of requests to all callers."""

    def __init__(self, requests: int) -> None:
        self._left, self._lock = requests, threading.Lock()

    def take(self) -> bool:
        """Take one request; False when none is left."""
        with self._lock:
            self._left -= 1
            return self._left >= 0


def serve(environment: dict[str, str], folder: Path, *, production: bool) -> tuple[Any, int, Path]:
    """Start the server under test; returns process, port and log."""
    port, log = free_port(), folder / "server.log"
    command = [sys.executable, "manage.py", "serve", "--port", str(port)]
    if production:
        command = [program("granian"), "--interface", "wsgi", "--host", "127.0.0.1"]
        command += ["--port", str(port), "--workers", "2", "--blocking-threads", "32"]
        command += ["menjin.wsgi:application"]
    process = start(command, environment, log=log)
    wait_listening(process, port, log)
    return process, port, log


def environment_of(folder: Path, *, production: bool) -> dict[str, str]:
    """Return the variables of an empty installation without rate limits that matter."""
    rates = {
        f"MENJIN_{who}_{what}": "10000000"
        for who in ("TERMINAL", "ADDRESS", "STRANGER")
        for what in ("RATE", "BURST")
    }
    common = {
        "MENJIN_VAR": str(folder),
        "MENJIN_TERMINAL_BODY_LIMIT": str(BODY_LIMIT_BYTES),
        "DJANGO_SETTINGS_MODULE": "menjin.settings.embedded",
        **rates,
    }
    if not production:
        return common
    return common | {
        "DJANGO_SETTINGS_MODULE": "menjin.settings.production",
        "DATABASE_URL": start_postgres(),
        "REDIS_URL": start_redis(),
        "SECRET_KEY": "k" * 60,
        "FIELD_KEY": "field-key-of-the-tests-only-0123456789-abcdef",
        "ALLOWED_HOSTS": "127.0.0.1",
    }


def prepared(environment: dict[str, str]) -> tuple[str, list[str]]:
    """Make tables, a site and its people; returns the address token and granted pictures."""
    output = ""
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "-v", "0", "-c", _PREPARE]):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        output = done.stdout
    found = json.loads(output.strip().splitlines()[-1])
    return found["token"], found["grants"]


def still_serves(port: int, token: str) -> str | None:
    """Return what is wrong with the answer to a plain upload, None when it is stored."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = json.dumps({"userId": "111222", "screenTime": int(time.time()), "temperature": "36.5"})
    connection.request("POST", f"/t/{token}/syface/0000001", body)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return None if answer["ret"] == "0" else f"a plain upload is answered {answer}"


def fuzz(arguments: argparse.Namespace, folder: Path) -> list[str]:
    """Send everything and return what was wrong, worst first; prints the figures."""
    environment = environment_of(folder, production=arguments.production)
    token, grants = prepared(environment)
    process, port, log = serve(environment, folder, production=arguments.production)
    budget, tally, started = Budget(arguments.requests), Tally(), time.monotonic()
    callers = [
        Caller(port, Generator(f"{arguments.seed}/{one}", token, grants), budget.take, tally)
        for one in range(_CALLERS)
    ]
    try:
        for caller in callers:
            caller.start()
        while tally.done < arguments.requests / 10 and any(one.is_alive() for one in callers):
            time.sleep(0.05)
        early_mb = memory_mb(process.pid)
        for caller in callers:
            caller.join()
        late_mb = memory_mb(process.pid)
        last = still_serves(port, token)
    finally:
        stop(process)
    seconds = time.monotonic() - started
    print(f"{tally.done} requests in {seconds:.0f} s ({tally.done / seconds:.0f}/s), answers:")
    for word, count in tally.answers.most_common():
        print(f"  {word:<22}{count}")
    print(f"memory after a tenth {early_mb:.0f} MB, at the end {late_mb:.0f} MB")
    wrong = list(tally.failures)
    if late_mb > early_mb * MEMORY_FACTOR + MEMORY_SLACK_MB:
        wrong.append(f"memory grew from {early_mb:.0f} to {late_mb:.0f} MB")
    if tally.done != arguments.requests:
        wrong.append(f"only {tally.done} requests were sent")
    return [*wrong, *([last] if last else []), *wrong_in_log(log, token)]


def wrong_in_log(log: Path, token: str) -> list[str]:
    """Return what a log must not contain."""
    text = log.read_text(encoding="utf-8", errors="replace")
    print(f"log {len(text)} characters, {text.count('Traceback')} tracebacks")
    wrong = []
    if "Traceback" in text:
        wrong.append("a traceback in the log: " + text[text.index("Traceback") :][:3000])
    if token in text:
        wrong.append("the address token is in the log")
    return [one.replace(token, "<token>") for one in wrong]


def main() -> int:
    """Run the command; returns 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--requests", type=int, default=100_000, help="how many to send")
    parser.add_argument("--seed", type=int, default=1, help="each connection sends the same again")
    parser.add_argument(
        "--production", action="store_true", help="granian, PostgreSQL and Redis from wheels"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="menjin-fuzz-") as folder:
        try:
            wrong = fuzz(arguments, Path(folder))
        finally:
            pytest_unconfigure()
    for one in wrong[:_FAILURES_SHOWN]:
        print(one)
    print(f"{len(wrong)} wrong" if wrong else "nothing wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
