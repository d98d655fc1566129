"""Command ``manage.py serve``: the whole platform in one process."""

import asyncio
import logging
import socket
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import uvicorn
from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from console.demo_exposure import demo_exposure_check
from console.server_locks import port_require_free, serving
from face_engine import ModelMissing
from faces.services import engine
from records.push import EmbeddedPush
from server_common.connection_limits import Connections, connections_allowed
from server_common.embedded_worker import EmbeddedTasks
from server_common.http_protocol import HEAD_MAX_BYTES, limited
from server_common.on_commit import serve_groups_on
from server_common.own_services import listening_at
from server_common.private_files import tree_private

logger = logging.getLogger(__name__)


class _Server(uvicorn.Server):
    """Uvicorn that lends its event loop to the in-process channel layer."""

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        serve_groups_on(asyncio.get_running_loop())
        try:
            await super().serve(sockets)
        finally:
            serve_groups_on(None)


class Command(BaseCommand):
    """Serve pages, terminals and sockets, and work on tasks, until Ctrl-C."""

    help = "Run the whole platform in one process: pages, terminals, live sockets and tasks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.DEPLOYMENT == "production":
            raise CommandError("serve is the embedded server; see docker-compose.yml instead")
        with serving(options["host"]):
            # Under the mark: a demonstration that begins now is closed from its beginning.
            demo_exposure_check(options["host"])
            # Before anything is started: a task begun for nothing would have to be stopped again.
            port_require_free(
                options["host"], options["port"], instead="manage.py serve --port 8001"
            )
            self._serve(options)

    @staticmethod
    def _serve(options: dict[str, Any]) -> None:
        tasks = EmbeddedTasks(
            current_app._get_current_object(),  # the app itself, not the per-thread proxy
            schedule_path=str(Path(settings.VAR) / "schedule"),
        )
        threading.Thread(target=_warm_up, name="menjin-warm-up", daemon=True).start()
        server = _Server(_configuration(options["host"], options["port"]))
        push = EmbeddedPush()
        listening_at(options["host"], options["port"])
        tasks.start()
        push.start()
        # What fell behind while nothing ran does not wait for the schedule's next round.
        current_app.send_task("faces.tasks.galleries_rebuild")
        try:
            server.run()
        except KeyboardInterrupt:
            # Uvicorn has stopped cleanly and passes the signal on; nothing is left to do.
            logger.info("served_until_interrupted")
        finally:
            push.stop()
            tasks.stop()
        if not server.started:
            raise CommandError(f"cannot listen on {options['host']}:{options['port']}")


def _configuration(host: str, port: int) -> uvicorn.Config:
    connections = Connections(
        most=connections_allowed(settings.CONNECTIONS_MOST),
        most_per_address=settings.CONNECTIONS_PER_ADDRESS,
    )
    http, live = limited(connections)
    return uvicorn.Config(
        "menjin.asgi:application",
        host=host,
        port=port,
        log_config=None,
        lifespan="off",
        server_header=False,
        # Slow terminals hold their connection; they must not keep Ctrl-C waiting.
        timeout_graceful_shutdown=5,
        ws=live,
        http=http,
        h11_max_incomplete_event_size=HEAD_MAX_BYTES,
        # Its own rule believes anything on this machine; ours is server_common.addresses.
        proxy_headers=False,
    )


def _warm_up() -> None:
    tree_private(Path(settings.VAR))
    try:
        engine().warm_up()
    except ModelMissing:
        logger.warning("models_missing install them with: python -m face_engine install")
