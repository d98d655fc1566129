"""Work in another thread, and locks of the database that are waited for."""

import threading
from collections.abc import Callable

from django.db import connection

from tests.support.interleaving_threads import waiting
from tests.support.waiting import wait_until


def started(work: Callable[[], object]) -> threading.Thread:
    """Run something in a thread with a connection of its own."""

    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def wait_until_somebody_waits() -> None:
    """Return once a lock of the database is waited for."""
    wait_until(waiting)
