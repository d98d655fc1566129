"""Effects beyond the database happen after commit, and only then."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from channels.layers import InMemoryChannelLayer
from django.conf import settings
from django.db import transaction

from server_common import on_commit
from server_common.on_commit import enqueue_on_commit, group_send_on_commit, serve_groups_on

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """Return what reaches the queue."""
    queue: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(on_commit, "_send_task", lambda name, values: queue.append((name, values)))
    return queue


@pytest.mark.django_db(transaction=True)
def test_a_task_is_queued_after_commit(sent: list[tuple[str, dict[str, Any]]]) -> None:
    with transaction.atomic():
        enqueue_on_commit("faces.tasks.files_erase", number=1)
        assert sent == []

    assert sent == [("faces.tasks.files_erase", {"number": 1})]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_queued_after_a_rollback(sent: list[tuple[str, dict[str, Any]]]) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        enqueue_on_commit("faces.tasks.files_erase")
        raise ZeroDivisionError

    assert sent == []


@pytest.mark.django_db(transaction=True)
async def test_a_thread_reaches_the_servers_own_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The in-memory layer belongs to one loop; the task worker's thread is not on it."""
    layer = InMemoryChannelLayer()
    monkeypatch.setattr(on_commit, "get_channel_layer", lambda: layer)
    await layer.group_add("live.1", "wall")
    serve_groups_on(asyncio.get_running_loop())
    waiting = asyncio.create_task(layer.receive("wall"))
    await asyncio.sleep(0)

    try:
        await asyncio.to_thread(group_send_on_commit, "live.1", {"type": "live.record"})
        message = await asyncio.wait_for(waiting, 5)
    finally:
        serve_groups_on(None)

    assert message == {"type": "live.record"}


def test_every_named_task_exists() -> None:
    current_app.loader.import_default_modules()
    named = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
    for folder in ("devices", "faces", "records", "platform"):
        for path in (ROOT / folder).rglob("*.py"):
            named |= set(
                re.findall(r'(?:enqueue_on_commit|send_task)\(\s*"([^"]+)"', path.read_text())
            )

    assert named - set(current_app.tasks) - {"faces.tasks.photo_process"} == set()
