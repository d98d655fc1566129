"""Task workers and schedule inside the server's process, for the embedded set-up.

The queue is Celery's in-memory transport and the workers are Celery's own, so the same tasks run
the same way as in production, only in a thread. What was queued is gone with the process, which
is why every task is also repeated by the schedule or derives its work from the database.
"""

import logging
import threading
from typing import Any

from celery import Celery
from celery.beat import EmbeddedService
from celery.worker import WorkController

logger = logging.getLogger(__name__)

_STOP_WITHIN_S = 10.0
# Queue of the calls of terminals (settings), and how many of them wait for networks at once.
_CALLS_QUEUE = "calls"
_CALLS_THREADS = 24
_WITHOUT_CLUSTER = {"without_heartbeat": True, "without_mingle": True, "without_gossip": True}


class EmbeddedTasks:
    """Two workers and one schedule in threads; started once, stopped cleanly.

    One worker does everything in turn; the other only calls terminals, many at once, so that a
    door is not opened late because an index is being built.
    """

    def __init__(self, app: Celery, *, schedule_path: str) -> None:
        """Prepare all; ``schedule_path`` is where the schedule remembers its last runs."""
        worker = WorkController(
            app=app, hostname="embedded", pool_cls="solo", concurrency=1, **_WITHOUT_CLUSTER
        )
        # An application of its own, because which queues are worked on belongs to the application.
        calls_app = Celery("menjin-calls", set_as_current=False)
        calls_app.config_from_object("django.conf:settings", namespace="CELERY")
        calls = WorkController(
            app=calls_app,
            hostname="embedded-calls",
            pool_cls="threads",
            concurrency=_CALLS_THREADS,
            queues=[_CALLS_QUEUE],
            **_WITHOUT_CLUSTER,
        )
        # Each worker makes its application the current one; tasks are sent by the project's.
        app.set_current()
        app.set_default()
        self._workers: tuple[Any, ...] = (worker, calls)
        self._beat: Any = EmbeddedService(app, thread=True, schedule_filename=schedule_path)
        self._threads = [
            threading.Thread(target=_work, args=(one,), name=f"menjin-{name}", daemon=True)
            for name, one in zip(("tasks", "calls"), self._workers, strict=True)
        ]

    def start(self) -> None:
        """Start working and scheduling."""
        for thread in self._threads:
            thread.start()
        self._beat.start()

    def stop(self) -> None:
        """Let the current tasks finish, then stop."""
        self._beat.stop()
        for worker in self._workers:
            worker.stop()
        for thread in self._threads:
            thread.join(_STOP_WITHIN_S)
        if self.is_alive():
            logger.warning("embedded_tasks_slow a current task is still running")

    def is_alive(self) -> bool:
        """Tell whether a worker still runs."""
        return any(thread.is_alive() for thread in self._threads)


def _work(worker: Any) -> None:
    try:
        worker.start()
    except Exception:
        # The border of the thread: without this line a dead worker would go unnoticed.
        logger.exception("embedded_tasks_died")
