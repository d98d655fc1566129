"""Sync of 50,000 people who were all entered at once to one terminal.

Enters them on a PostgreSQL of its own with one change of the site's clock, then polls as a terminal
does until nothing is new, and asks once more. Beside it, as the baseline of the same run, the same
people are read in one list, as a platform without pages would have to.

    python benchmarks/bench_bulk_sync.py [--people 50000]
"""

import argparse
import os
import platform
import resource
import statistics
import sys
import time
import tracemalloc
from typing import Any

from tests.support.services import pytest_unconfigure, start_postgres


def main() -> int:
    """Run the benchmark and print its figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--people", type=int, default=50_000)
    arguments = parser.parse_args()
    os.environ["TEST_DATABASE_URL"] = start_postgres()
    os.environ["TEST_REDIS_URL"] = ""
    os.environ["DJANGO_SETTINGS_MODULE"] = "menjin.settings.test"
    try:
        import django

        django.setup()
        run(arguments.people)
    finally:
        pytest_unconfigure()
    return 0


def run(people: int) -> None:
    """Enter, poll, print."""
    import logging

    from django.core.management import call_command

    from devices.models import Terminal
    from devices.services import site_create
    from faces.models import Library

    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0)
    site = site_create(code="bulk", name="Bulk")
    library = Library.objects.create(site=site, name="Everybody")
    terminal = Terminal.objects.create(
        site=site, device_id="1", status="approved", all_libraries=True
    )
    poll(terminal, 0)
    started = time.perf_counter()
    enter(library, people)
    entered_s = time.perf_counter() - started

    tracemalloc.start()
    started = time.perf_counter()
    read_full_list(terminal)
    whole_s, whole_mb = time.perf_counter() - started, tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()

    sizes: list[int] = []
    seconds: list[float] = []
    cursor = 0
    while not sizes or sizes[-1]:
        started = time.perf_counter()
        received, cursor = poll(terminal, cursor)
        seconds.append(time.perf_counter() - started)
        sizes.append(received)
    queries, nothing_ms = nothing_new(terminal, cursor)
    paged_mb = memory_of_pages(terminal)

    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print(f"{people} people entered in {entered_s:.1f} s, sent in {sum(sizes)} entries")
    print(
        f"{len(sizes)} answers, at most {max(sizes)} entries; {statistics.median(seconds):.3f} s"
        f" an answer (slowest {max(seconds):.3f}), {sum(seconds):.0f} s in all"
    )
    print(f"nothing new: {queries} queries, {nothing_ms:.2f} ms")
    print(f"memory: {paged_mb:.1f} MB by pages, {whole_mb:.1f} MB in one list of {whole_s:.1f} s")
    print(f"ratio: one list takes {whole_mb / paged_mb:.1f} times the memory")
    print(f"process at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def enter(library: Any, people: int) -> None:
    """Store people as an import would: rows in bulk, one change of the clock, one fill."""
    from django.db import transaction

    from faces.models import FacePhoto, LibraryMembership, Person
    from faces.services import deliveries_fill, people_stamp

    with transaction.atomic():
        rows = Person.objects.bulk_create(
            (
                Person(site=library.site, user_id=f"{number:08d}", name=f"Person {number}")
                for number in range(people)
            ),
            batch_size=1000,
        )
        LibraryMembership.objects.bulk_create(
            (LibraryMembership(person=row, library=library) for row in rows), batch_size=1000
        )
        FacePhoto.objects.bulk_create(
            (FacePhoto(person=row, sha256=f"{row.pk:064d}", status="ok") for row in rows),
            batch_size=1000,
        )
        ids = [row.pk for row in rows]
        people_stamp(site_id=library.site_id, person_ids=ids)
    for start in range(0, people, 500):
        deliveries_fill(site_id=library.site_id, person_ids=ids[start : start + 500])


def poll(terminal: Any, cursor: int) -> tuple[int, int]:
    """Ask once; returns how many entries came, and the next cursor."""
    from faces.services import sync_answer

    answer = sync_answer(
        terminal=terminal, last_query_time=cursor, picture_root="http://menjin.example"
    )
    return len(answer.to_wire()["serviceResponse"]["list"]), answer.last_query_time


def memory_of_pages(terminal: Any) -> float:
    """Return the most memory that the first pages of another full sync take, in MB."""
    tracemalloc.start()
    cursor = 0
    for _ in range(4):
        _, cursor = poll(terminal, cursor)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def read_full_list(terminal: Any) -> int:
    """Read all people in one list, each with a photo."""
    from faces.selectors import people_for_terminal

    return len(list(people_for_terminal(terminal).prefetch_related("photos")))


def nothing_new(terminal: Any, cursor: int) -> tuple[int, float]:
    """Return queries and milliseconds of a poll that finds nothing."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        poll(terminal, cursor)
    started = time.perf_counter()
    for _ in range(200):
        poll(terminal, cursor)
    return len(captured), (time.perf_counter() - started) * 1000 / 200


if __name__ == "__main__":
    sys.exit(main())
