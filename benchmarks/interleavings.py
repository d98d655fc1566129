"""Search for interleavings of changes and polls in which a terminal misses something.

Runs the explorer of ``tests/support/interleavings.py`` on a PostgreSQL of its own, in as many
processes as there are cores, and prints every failure with what runs it again. It can be stopped at
any time and says how far it came.
"""

import argparse
import multiprocessing
import os
import queue
import signal
import sys
import tempfile
import time
from collections import Counter
from typing import Any

from tests.support.services import pytest_unconfigure, start_postgres

_SHOW_EVERY_S = 15.0
_FAILURES_SHOWN = 20


def explore(url: str, seed: str, numbers: range, stop: Any, reports: Any) -> None:
    """Explore in this process, on a database of its own, and report by chapters."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TEST_DATABASE_URL"] = url
    os.environ["TEST_REDIS_URL"] = ""
    os.environ["DJANGO_SETTINGS_MODULE"] = "menjin.settings.test"
    import django

    django.setup()
    from django.core.management import call_command

    from tests.support.interleavings import Tally, exploring

    call_command("migrate", verbosity=0)
    reported = [0, 0]

    def enough(tally: Tally) -> bool:
        if len(tally.failures) > reported[1]:
            reports.put(("failure", str(tally.failures[-1])))
            reported[1] = len(tally.failures)
        if tally.runs % 25 == 0 and tally.runs > reported[0]:
            reports.put(("runs", tally.runs - reported[0]))
            reported[0] = tally.runs
        return bool(stop.is_set())

    with exploring(seed) as explorer:
        tally = explorer.run(numbers, enough=enough)
    enough(tally)
    reports.put(("runs", tally.runs - reported[0]))
    reports.put(("end", (tally.stops, tally.blocks, tally.later, dict(tally.refused))))


def databases(url: str, count: int) -> list[str]:
    """Make databases beside the one the address names; one for each process."""
    import psycopg2

    server = psycopg2.connect(url)
    server.autocommit = True
    with server.cursor() as cursor:
        cursor.execute("ALTER SYSTEM SET fsync = off")
        cursor.execute("SELECT pg_reload_conf()")
        for number in range(count):
            cursor.execute(f"CREATE DATABASE explored_{number}")
    server.close()
    return [f"{url.rpartition('/')[0]}/explored_{number}" for number in range(count)]


def parts(runs: int, workers: int, chapter: int | None) -> list[range]:
    """Return whose turn which interleavings are; a chapter is never divided."""
    if chapter is not None:
        return [range(chapter * 25, chapter * 25 + 25)]
    share = -(-runs // workers // 25) * 25
    return [range(one * share, min(runs, (one + 1) * share)) for one in range(workers)]


def collect(processes: list[Any], reports: Any, stop: Any, arguments: argparse.Namespace) -> int:
    """Show progress until all have ended; returns the exit code."""
    started = shown = time.monotonic()
    runs, ended, failures = 0, 0, 0
    stops, blocks, later, refused = 0, 0, 0, Counter[str]()
    while ended < len(processes):
        try:
            kind, value = reports.get(timeout=1)
        except queue.Empty:
            if all(not one.is_alive() for one in processes):
                print("a process has died")
                failures += 1
                break
            continue
        except KeyboardInterrupt:
            print("stopping …")
            stop.set()
            continue
        if kind == "runs":
            runs += value
        elif kind == "failure":
            failures += 1
            if failures <= _FAILURES_SHOWN:
                print(value, flush=True)
            if arguments.stop_at_first:
                stop.set()
        else:
            ended += 1
            stops, blocks, later = stops + value[0], blocks + value[1], later + value[2]
            refused.update(value[3])
        seconds = time.monotonic() - started
        if arguments.seconds and seconds > arguments.seconds:
            stop.set()
        if time.monotonic() - shown > _SHOW_EVERY_S:
            shown = time.monotonic()
            print(f"{runs} interleavings, {runs / seconds:.1f}/s, {failures} failures", flush=True)
    seconds = time.monotonic() - started
    print(
        f"{runs} of {arguments.runs} interleavings in {seconds:.0f} s ({runs / seconds:.1f}/s),"
        f" seed {arguments.seed}, {len(processes)} processes"
    )
    print(f"{stops} switches between threads, {blocks} waits for a lock; refused: {dict(refused)}")
    print(f"{later} times a delete that a late result seemed to confirm was sent again")
    print(f"{failures} failures" if failures else "nothing wrong")
    return 1 if failures else 0


def main() -> int:
    """Run the command; returns 0 when nothing was wrong."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--runs", type=int, default=200_000, help="how many interleavings")
    parser.add_argument("--seed", default="1", help="everything follows from it")
    parser.add_argument("--chapter", type=int, help="only this one, as a failure names it")
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--stop-at-first", action="store_true", help="failure, that is")
    arguments = parser.parse_args()
    if arguments.chapter is not None:
        arguments.workers, arguments.runs = 1, 25
    context = multiprocessing.get_context("spawn")
    reports, stop = context.Queue(), context.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with tempfile.TemporaryDirectory(prefix="menjin-interleavings-"):
        try:
            urls = databases(start_postgres(), arguments.workers)
            processes = [
                context.Process(target=explore, args=(url, arguments.seed, numbers, stop, reports))
                for url, numbers in zip(
                    urls, parts(arguments.runs, arguments.workers, arguments.chapter), strict=True
                )
            ]
            for one in processes:
                one.start()
            code = collect(processes, reports, stop, arguments)
            for one in processes:
                one.join(30)
        finally:
            pytest_unconfigure()
    return code


if __name__ == "__main__":
    sys.exit(main())
