"""Task worker and schedule inside the server's process, for the embedded set-up.

The queue is Celery's in-memory transport and the worker is Celery's own, so the same tasks run
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


class EmbeddedTasks:
    """One worker thread and one schedule thread; started once, stopped cleanly."""

    def __init__(self, app: Celery, *, schedule_path: str) -> None:
        """Prepare both; ``schedule_path`` is where the schedule remembers its last runs."""
        self._worker: Any = WorkController(
            app=app,
            hostname="embedded",
            pool_cls="solo",
            concurrency=1,
            without_heartbeat=True,
            without_mingle=True,
            without_gossip=True,
        )
        self._beat: Any = EmbeddedService(app, thread=True, schedule_filename=schedule_path)
        self._thread = threading.Thread(target=self._work, name="menjin-tasks", daemon=True)

    def start(self) -> None:
        """Start working and scheduling."""
        self._thread.start()
        self._beat.start()

    def stop(self) -> None:
        """Let the current task finish, then stop."""
        self._beat.stop()
        self._worker.stop()
        self._thread.join(_STOP_WITHIN_S)
        if self._thread.is_alive():
            logger.warning("embedded_tasks_slow the current task is still running")

    def _work(self) -> None:
        try:
            self._worker.start()
        except Exception:
            # The border of the thread: without this line a dead worker would go unnoticed.
            logger.exception("embedded_tasks_died")
