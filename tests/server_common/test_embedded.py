"""Celery's own worker and schedule as threads of the server."""

import threading
import time
from pathlib import Path

from celery import Celery

from server_common.embedded import EmbeddedTasks


def test_tasks_run_on_call_and_by_schedule_and_stop_cleanly(tmp_path: Path) -> None:
    app = Celery("embedded", broker="memory://localhost/", set_as_current=False)
    app.conf.update(
        broker_transport_options={"polling_interval": 0.02},
        task_ignore_result=True,
        beat_schedule={"tick": {"task": "tick", "schedule": 0.5}},
    )
    called: list[int] = []
    ticked = threading.Event()

    @app.task(name="call")
    def call(number: int) -> None:
        called.append(number)

    @app.task(name="tick")
    def tick() -> None:
        ticked.set()

    tasks = EmbeddedTasks(app, schedule_path=str(tmp_path / "schedule"))
    tasks.start()
    app.send_task("call", kwargs={"number": 7})
    was_ticked = ticked.wait(15)
    deadline = time.monotonic() + 15
    while not called and time.monotonic() < deadline:
        time.sleep(0.02)
    tasks.stop()

    assert called == [7]
    assert was_ticked
    assert not [one for one in threading.enumerate() if one.name == "menjin-tasks"]
