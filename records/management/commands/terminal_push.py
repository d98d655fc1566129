"""Take in records as terminals push them, as long as it runs (``manage.py terminal_push``)."""

import asyncio
import signal
from typing import Any

from django.core.management.base import BaseCommand

from records.push import keep_subscribed


class Command(BaseCommand):
    """Subscribe to every terminal that has a push port, until Ctrl-C or SIGTERM."""

    help = "Subscribe to the records that terminals push over websockets. Run exactly one."

    def handle(self, *args: Any, **options: Any) -> None:
        asyncio.run(_until_stopped())


async def _until_stopped() -> None:
    work = asyncio.create_task(keep_subscribed())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, work.cancel)
    try:
        await work
    except asyncio.CancelledError:
        if not work.cancelled():
            raise
