"""Waiting time of a door while thirty clients post logins.

Menjin runs with its production settings on granian (two WSGI workers, 32 threads each), with
PostgreSQL and Redis from wheels. Faces are posted one after another, first with nobody else about
and then while clients in other processes post wrong passwords as fast as they are answered, each
under a name of its own. Both in turns, in the same run.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from _report import machine

from tests.support.processes import free_port, start, stop, wait_listening
from tests.support.production import UNLIMITED, Production
from tests.support.services import pytest_unconfigure, start_postgres, start_redis

# A terminal must be answered within this, whatever people at browsers do.
MOST_S = 0.5


def sign_in_again_and_again(port: int, number: int, ends: object, results: object) -> None:
    """Post wrong passwords until stopped; count the answers."""
    answers: Counter[int] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/sign-in/")
    page = connection.getresponse()
    cookie = str(page.getheader("Set-Cookie")).split(";")[0]
    found = re.search(r'csrfmiddlewaretoken" value="([^"]+)"', page.read().decode())
    token = found[1] if found else ""
    while not ends.is_set():  # type: ignore[attr-defined]
        names = {"username": f"nobody-{number}-{sum(answers.values())}", "password": "wrong"}
        body = urlencode({**names, "csrfmiddlewaretoken": token})
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/sign-in/", body, headers)
        answer = connection.getresponse()
        answer.read()
        answers[answer.status] += 1
    results.put(dict(answers))  # type: ignore[attr-defined]


def door_times(post: Callable[[int], None], count: int, first: int) -> list[float]:
    """Return how long each of some faces took, in seconds."""
    times = []
    for number in range(first, first + count):
        began = time.perf_counter()
        post(number)
        times.append(time.perf_counter() - began)
    return times


def shown(name: str, times: list[float]) -> float:
    """Print a row and return the slowest but one in a hundred."""
    times = sorted(times)
    p99 = times[int(len(times) * 0.99)]
    middle = statistics.median(times)
    print(f"{name:34} {middle * 1000:8.1f} {p99 * 1000:8.1f} {times[-1] * 1000:8.1f}")
    return p99


def poster(port: int, path: str) -> Callable[[int], None]:
    """Return a function that posts one face."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def post(number: int) -> None:
        body = json.dumps({"userId": "1", "screenTime": str(1_700_000_000 + number)})
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        if json.loads(connection.getresponse().read())["ret"] != "0":
            raise RuntimeError("a face was not answered with 0")

    return post


def measured(port: int, path: str, *, clients: int, faces: int, rounds: int) -> bool:
    """Measure in turns and print; True when doors were answered in time."""
    post, idle, busy = poster(port, path), [], []
    answers: Counter[int] = Counter()
    door_times(post, 20, 0)
    for turn in range(rounds):
        idle += door_times(post, faces, 1000 + turn * 2 * faces)
        ends = multiprocessing.Event()
        results: multiprocessing.Queue[Any] = multiprocessing.Queue()
        workers = [
            multiprocessing.Process(target=sign_in_again_and_again, args=(port, one, ends, results))
            for one in range(clients)
        ]
        for worker in workers:
            worker.start()
        time.sleep(2)  # until all of them post
        busy += door_times(post, faces, 1000 + (turn * 2 + 1) * faces)
        ends.set()
        for _ in workers:
            answers.update(results.get())
        for worker in workers:
            worker.join()
    print(f"{'':34} {'median':>8} {'p99':>8} {'max':>8} ms")
    shown("a face, no logins", idle)
    slowest = shown(f"a face, {clients} clients sign in", busy)
    print(f"answers to them: {dict(sorted(answers.items()))}")
    print(f"demanded: p99 ≤ {MOST_S} s: {'kept' if slowest <= MOST_S else 'NOT KEPT'}")
    return slowest <= MOST_S


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--faces", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only prove that the script works")
    given = parser.parse_args()
    if given.quick:
        given.clients, given.faces, given.rounds = 3, 5, 1
    os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"] = start_postgres(), start_redis()
    try:
        with tempfile.TemporaryDirectory() as folder:
            production = Production(Path(folder), name="bench_sign_in")
            production.environment.update(UNLIMITED, LOG_LEVEL="ERROR")
            production.manage("migrate", "--verbosity", "0")
            made = (
                "from devices.services import site_create;"
                "print(site_create(code='b', name='B', auto_approve=True).tokens.get().token)"
            )
            token = production.manage("shell", "-v", "0", "-c", made).splitlines()[-1]
            port = free_port()
            log = Path(folder) / "log"
            environment = {**production.environment, "MENJIN_VAR": folder}
            server = start(production.command(port), environment, log=log)
            try:
                wait_listening(server, port, log)
                print(machine())
                path = f"/t/{token}/syface/0000001"
                kept = measured(
                    port, path, clients=given.clients, faces=given.faces, rounds=given.rounds
                )
            finally:
                stop(server)
    finally:
        pytest_unconfigure()
    return 0 if kept or given.quick else 1


if __name__ == "__main__":
    raise SystemExit(main())
