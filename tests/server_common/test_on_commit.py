"""What reaches beyond the database does so after commit, never after a rollback."""

import asyncio
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from channels.layers import channel_layers, get_channel_layer
from django.conf import settings as django_settings
from django.db import transaction

from devices.command_kinds import KINDS
from server_common.on_commit import enqueue_on_commit, group_send_on_commit, serve_groups_on

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]
ROOT = Path(__file__).parents[2]
QUEUE = "celery"


@pytest.fixture
def queued() -> Iterator[Any]:
    """Return what reads the next task from the (real, in-memory) queue, None when it is empty."""
    with current_app.connection_for_read() as connection:
        simple = connection.SimpleQueue(QUEUE)
        simple.clear()

        def read() -> tuple[str, dict[str, Any]] | None:
            try:
                message = simple.get(block=False)
            except simple.Empty:
                return None
            message.ack()
            return message.headers["task"], message.payload[1]

        yield read
        simple.clear()
        simple.close()


def test_a_task_is_queued_after_commit_and_not_before(queued: Any) -> None:
    with transaction.atomic():
        enqueue_on_commit("faces.tasks.gallery_rebuild", gallery_id=7)
        assert queued() is None

    assert queued() == ("faces.tasks.gallery_rebuild", {"gallery_id": 7})
    assert queued() is None


def test_a_task_is_not_queued_after_a_rollback(queued: Any) -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        enqueue_on_commit("faces.tasks.files_erase")
        raise RuntimeError

    with transaction.atomic():
        with pytest.raises(RuntimeError), transaction.atomic():
            enqueue_on_commit("faces.tasks.files_erase")
            raise RuntimeError
        enqueue_on_commit("faces.tasks.validity_sweep")

    assert queued() == ("faces.tasks.validity_sweep", {})
    assert queued() is None


def test_a_broker_that_is_away_does_not_undo_the_commit(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from devices.models import Site
    from devices.services import site_create

    def away(*_: object, **__: object) -> None:
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app, "send_task", away)
    monkeypatch.setattr(get_channel_layer(), "group_send", away)
    with transaction.atomic():
        site_create(code="kept", name="Kept")
        enqueue_on_commit("faces.tasks.files_erase")
        group_send_on_commit("live.1", {"type": "live.record"})

    assert Site.objects.filter(code="kept").exists()
    assert "Error calling enqueue_on_commit.<locals>.send_task" in caplog.text
    # By the sender's thread, or at once where the layer is one of this process.
    end = time.monotonic() + 10
    while "screen_message_dropped reason=ConnectionError" not in caplog.text:
        if "Error calling group_send_on_commit.<locals>.send_to_group" in caplog.text:
            break
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_message_to_screens_is_sent_after_commit_only() -> None:
    layer = get_channel_layer()
    assert layer is not None

    async def hear() -> list[dict[str, Any]]:
        channel = await layer.new_channel()
        await layer.group_add("live.1", channel)
        await asyncio.to_thread(write)
        heard = [await asyncio.wait_for(layer.receive(channel), 10)]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(layer.receive(channel), 0.2)
        await layer.group_discard("live.1", channel)
        return heard

    def write() -> None:
        from django.db import connection

        with pytest.raises(RuntimeError), transaction.atomic():
            group_send_on_commit("live.1", {"type": "live.record", "record": "rolled back"})
            raise RuntimeError
        with transaction.atomic():
            group_send_on_commit("live.1", {"type": "live.record", "record": "committed"})
        connection.close()

    assert asyncio.run(hear()) == [{"type": "live.record", "record": "committed"}]


def test_a_thread_reaches_the_screens_of_the_loop_that_serves_them(settings: Any) -> None:
    """The in-memory layer hands over through the queues of one loop; threads go through it."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    layer = get_channel_layer()
    assert layer is not None

    async def hear() -> dict[str, Any]:
        serve_groups_on(asyncio.get_running_loop())
        channel = await layer.new_channel()
        await layer.group_add("live.2", channel)
        # The screen is already waiting when the task worker's thread sends.
        waiting = asyncio.create_task(layer.receive(channel))
        await asyncio.sleep(0.05)
        worker = threading.Thread(target=send)
        worker.start()
        heard: dict[str, Any] = await asyncio.wait_for(waiting, 10)
        worker.join()
        return heard

    def send() -> None:
        from django.db import connection

        group_send_on_commit("live.2", {"type": "live.alert", "alert": "from a thread"})
        connection.close()

    try:
        assert asyncio.run(hear()) == {"type": "live.alert", "alert": "from a thread"}
    finally:
        serve_groups_on(None)
        channel_layers.backends.clear()


def test_every_task_that_is_named_is_registered() -> None:
    """Services name tasks as text, which no import checks."""
    current_app.loader.import_default_modules()
    named = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}
    sources = [
        path
        for folder in ("devices", "faces", "records", "platform")
        for path in (ROOT / folder).rglob("*.py")
    ]
    for path in sources:
        named |= set(
            re.findall(r"(?:enqueue_on_commit|send_task)\(\s*\"([\w.]+)\"", path.read_text("utf-8"))
        )

    assert {"faces.tasks.deliveries_fill", "faces.tasks.files_erase"} <= named
    assert named - set(current_app.tasks) == set()


def test_every_registered_task_may_be_asked_for_by_the_schedule_or_a_service() -> None:
    """A task nobody starts is dead code, or a schedule somebody forgot."""
    current_app.loader.import_default_modules()
    ours = {name for name in current_app.tasks if not name.startswith("celery.")}
    scheduled = {entry["task"] for entry in django_settings.CELERY_BEAT_SCHEDULE.values()}

    by_services = {
        "faces.tasks.gallery_rebuild",
        "faces.tasks.deliveries_fill",
        "faces.tasks.terminal_expect",
        "devices.tasks.api_token_used",
        "devices.tasks.job_run",
    }
    by_services |= {spec.task for spec in KINDS.values()} | {"devices.tasks.commands_dispatch"}
    assert ours - scheduled == by_services
