"""True threads that go on one at a time, as a schedule says.

Each lane is a thread with a PostgreSQL connection of its own, kept open over many runs. Before
every statement and every commit it comes to a point where it may have to wait until the schedule
lets it go on. A lane that waits for a lock in the database reaches no point; the schedule sees
that in ``pg_locks``, which is a fact and no guess at times, and goes on with the others. So the
same seed gives the same order of events, as far as the database itself is the same.
"""

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection

COMMIT = "COMMIT"
# A statement takes a tenth of this; whoever needs longer may be waiting for a lock.
_SUSPECT_S = 0.002
_STUCK_S = 60.0
_NO_END = 1_000_000
_SESSION = (
    "SET synchronous_commit = off; SET jit = off;"
    # Nobody waits as long without being in a circle: each lock is held for milliseconds.
    "SET deadlock_timeout = '30ms'"
)


class Lane(threading.Thread):
    """A thread that stops at points; told when to go on and for how many points."""

    def __init__(self, number: int, events: "queue.SimpleQueue[Lane]") -> None:
        super().__init__(daemon=True, name=f"lane-{number}")
        self.number = number
        self.events = events
        self.job: Callable[[], None] | None = None
        self.failure: BaseException | None = None
        self.is_done = True
        self.at = ""
        self.pid = 0
        self.busy_since = 0.0
        self.budget, self.stops_at_commit = 0, False
        self._go = threading.Semaphore(0)

    def run(self) -> None:
        """Do one job after the other until there is none."""
        try:
            connection.ensure_connection()
            self.pid = connection.connection.get_backend_pid()
            with connection.cursor() as cursor:
                cursor.execute(_SESSION)
            self._stop_before_commits()
            self.events.put(self)
            with connection.execute_wrapper(self._around_statement):
                self._work()
        finally:
            connection.close()

    def _work(self) -> None:
        while True:
            self._go.acquire()
            if self.job is None:
                return
            self.at, self.failure = "begin", None
            try:
                self.job()
            except BaseException as error:
                self.failure = error
            self.is_done, self.at = True, "end"
            self.events.put(self)

    def _stop_before_commits(self) -> None:
        """Make commits points too, and forget what a service queues for after them.

        The tasks queued are about files and indexes; no terminal hears of them.
        """
        held: Any = connection
        commit = held.commit

        def stop_and_commit() -> None:
            self.point(COMMIT)
            self.busy_since = time.perf_counter()
            commit()
            self.busy_since = 0.0

        held.commit = stop_and_commit
        held.run_and_clear_commit_hooks = held.run_on_commit.clear

    def _around_statement(
        self, execute: Callable[..., Any], sql: str, parameters: Any, many: bool, context: Any
    ) -> Any:
        self.point(sql)
        self.busy_since = time.perf_counter()
        try:
            return execute(sql, parameters, many, context)
        finally:
            self.busy_since = 0.0

    def point(self, what: str) -> None:
        """Wait here if the budget is used up."""
        self.budget -= 1
        if self.budget > 0 and not (self.stops_at_commit and what is COMMIT):
            return
        self.at = what
        self.events.put(self)
        self._go.acquire()

    def go_on(self, budget: int, *, stops_at_commit: bool = False) -> None:
        """Let the thread pass so many points."""
        self.budget, self.stops_at_commit = budget, stops_at_commit
        self._go.release()


class Order:
    """Who goes next, and how far. Draws one of three ways to be unfair."""

    def __init__(self, rng: random.Random, lanes: Sequence[Lane]) -> None:
        self.rng = rng
        self.kind = rng.choice(["fine", "coarse", "coarse", "late", "late"])
        self.mean = 2 if self.kind == "fine" else 12
        # Who begins first, stops somewhere, most often before its commit, and ends last.
        self.late = rng.choice(lanes) if self.kind == "late" else None
        self.has_begun = False

    def choose(self, ready: list[Lane]) -> tuple[Lane, int, bool]:
        """Return the lane, for how many points, and whether to stop before a commit."""
        if self.late is not None and self.late in ready:
            if not self.has_begun:
                self.has_begun = True
                if self.rng.random() < 0.6:
                    return self.late, _NO_END, True
                return self.late, self.rng.randint(1, 30), False
            ready = [pool for pool in ready if pool is not self.late] or ready
        pool = ready[self.rng.randrange(len(ready))] if len(ready) > 1 else ready[0]
        if len(ready) == 1:
            # Nobody else can do anything before this one stops, ends, or frees a lock.
            return pool, self.mean * 2, False
        return pool, 1 + int(self.rng.expovariate(1 / self.mean)), self.rng.random() < 0.3


class Schedule:
    """A few lanes and who of them goes on."""

    def __init__(self, lanes: int) -> None:
        self.events: queue.SimpleQueue[Lane] = queue.SimpleQueue()
        self.lanes = [Lane(number, self.events) for number in range(lanes)]
        self.trace: list[tuple[int, str]] = []
        self.blocks = 0
        for pool in self.lanes:
            pool.start()
            self.events.get(timeout=_STUCK_S)

    def run(self, jobs: Sequence[Callable[[], None]], rng: random.Random) -> None:
        """Run the jobs to their ends, interleaved; raises the first failure of any."""
        lanes = self.lanes[: len(jobs)]
        for pool, job in zip(lanes, jobs, strict=True):
            pool.job, pool.is_done = job, False
        self.trace = []
        self.ready = list(lanes)
        self.blocked: list[Lane] = []
        order = Order(rng, lanes)
        while self.ready or self.blocked:
            if not self.ready:
                # All wait for each other: PostgreSQL ends the circle, and its error is the result.
                self._note(self.events.get(timeout=_STUCK_S))
                continue
            pool, budget, stops_at_commit = order.choose(self.ready)
            self.ready.remove(pool)
            pool.go_on(budget, stops_at_commit=stops_at_commit)
            self._wait(pool)
            self._wait_for_released()
        for pool in lanes:
            if pool.failure is not None:
                raise pool.failure

    def _note(self, pool: Lane) -> None:
        if pool in self.blocked:
            self.blocked.remove(pool)
        self.trace.append((pool.number, pool.at))
        if not pool.is_done:
            self.ready.append(pool)
            self.ready.sort(key=lambda one: one.number)

    def _wait(self, pool: Lane) -> None:
        """Wait until the lane stops, ends, or waits for a lock."""
        deadline = time.monotonic() + _STUCK_S
        while time.monotonic() < deadline:
            try:
                arrived = self.events.get(timeout=_SUSPECT_S)
            except queue.Empty:
                since = pool.busy_since
                if since and time.perf_counter() - since > _SUSPECT_S and pool.pid in waiting():
                    # From the lock on it may go one statement.
                    pool.budget = 1
                    self.blocked.append(pool)
                    self.blocks += 1
                    self.trace.append((pool.number, "waits for a lock"))
                    return
                continue
            self._note(arrived)
            if arrived is pool:
                return
        raise TimeoutError(f"lane {pool.number} neither stops nor waits for a lock: {pool.at}")

    def _wait_for_released(self) -> None:
        """Wait until those whose lock has become free have come to their next point."""
        deadline = time.monotonic() + _STUCK_S
        while self.blocked and time.monotonic() < deadline:
            still = waiting()
            if all(pool.pid in still for pool in self.blocked):
                return
            try:
                self._note(self.events.get(timeout=_SUSPECT_S))
            except queue.Empty:
                continue

    def close(self) -> None:
        """End the threads and their connections."""
        for pool in self.lanes:
            pool.job = None
            pool.go_on(_NO_END)
        for pool in self.lanes:
            pool.join(10)


def waiting() -> set[int]:
    """Return the processes of the database that wait for a lock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pid FROM pg_locks WHERE NOT granted")
        return {pid for (pid,) in cursor.fetchall()}
