"""The embedded server's worker: Celery's own, in a thread, with the same tasks."""

import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app, shared_task

from server_common.embedded_worker import EmbeddedTasks
from tests.support.waiting import wait_until


@pytest.fixture
def app() -> Iterator[Any]:
    """Return the project's application with an empty schedule; tasks made here go again."""
    app = current_app._get_current_object()
    # A worker would import them, and the project's tasks would seem made here.
    app.loader.import_default_modules()
    known, schedule = set(app.tasks), app.conf.beat_schedule
    app.conf.beat_schedule = {}
    yield app
    app.conf.beat_schedule = schedule
    for name in set(app.tasks) - known:
        app.tasks.unregister(name)


@pytest.mark.slow
def test_tasks_are_worked_on_and_scheduled_until_it_is_stopped(app: Any, tmp_path: Path) -> None:
    done: list[str] = []
    before = set(threading.enumerate())

    @app.task(name="note")  # type: ignore[untyped-decorator]
    def note(word: str) -> None:
        done.append(word)

    @app.task(name="fail")  # type: ignore[untyped-decorator]
    def fail() -> None:
        raise RuntimeError("this task is broken")

    app.conf.beat_schedule = {"tick": {"task": "note", "schedule": 0.2, "args": ["tick"]}}
    tasks = EmbeddedTasks(app, schedule_path=str(tmp_path / "schedule"))
    tasks.start()
    try:
        app.send_task("fail")
        app.send_task("note", args=["asked"])
        wait_until(lambda: "asked" in done and done.count("tick") >= 2)
    finally:
        started = time.monotonic()
        tasks.stop()

    assert time.monotonic() - started < 10
    assert not tasks.is_alive()
    assert current_app._get_current_object() is app
    # Nothing is left that could go on with the tasks.
    wait_until(lambda: set(threading.enumerate()) <= before)


@pytest.mark.slow
def test_the_task_that_is_running_is_finished_first(
    app: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[str] = []

    @app.task(name="slow")  # type: ignore[untyped-decorator]
    def slow() -> None:
        done.append("begun")
        time.sleep(1)
        done.append("ended")

    tasks = EmbeddedTasks(app, schedule_path=str(tmp_path / "schedule"))
    tasks.start()
    app.send_task("slow")
    wait_until(lambda: "begun" in done)

    with caplog.at_level(logging.WARNING):
        tasks.stop()

    assert done == ["begun", "ended"]
    assert "embedded_tasks_slow" not in caplog.text


@pytest.mark.slow
def test_a_call_of_a_terminal_does_not_wait_for_other_work(app: Any, tmp_path: Path) -> None:
    done: list[str] = []

    @app.task(name="long")  # type: ignore[untyped-decorator]
    def long() -> None:
        time.sleep(2)
        done.append("long")

    @shared_task(name="test.tasks.command_run")  # type: ignore[untyped-decorator]
    def call(word: str) -> None:
        time.sleep(0.2)
        done.append(word)

    tasks = EmbeddedTasks(app, schedule_path=str(tmp_path / "schedule"))
    tasks.start()
    try:
        app.send_task("long")
        for word in ("one", "two", "three"):
            app.send_task("test.tasks.command_run", args=[word])
        wait_until(lambda: len(done) == 4)
    finally:
        tasks.stop()

    assert done[-1] == "long"
