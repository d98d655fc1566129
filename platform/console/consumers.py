"""Live socket: passes on what ``records`` announces to users who may see it."""

import asyncio
import logging
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncJsonWebsocketConsumer
from django.conf import settings
from django.db import Error as AnyDatabaseError
from django.utils import translation

from console.live_view import Viewer
from console.sessions import session_goes_on, session_opens, session_sees
from server_common.async_bridge import in_database

logger = logging.getLogger(__name__)

# Application codes of RFC 6455, 7.4.2: the page goes to the login, it does not reconnect.
CLOSE_SIGNED_OUT = 4401
# How often an open socket says so, which keeps its session; far less than sessions stay idle.
STILL_OPEN_EVERY_S = 300.0


class LiveConsumer(AsyncJsonWebsocketConsumer):
    """One open live page; what the browser sends is left unread."""

    viewer: Viewer
    joined: tuple[str, ...] = ()
    still_open: asyncio.Task[None] | None = None
    language: str = settings.LANGUAGE_CODE

    async def connect(self) -> None:
        """Join the groups of the user's sites, or refuse before the handshake."""
        opened = await in_database(session_opens, self._session_key())
        if opened is None:
            await self.close()
            return
        user_id, self.viewer, site_ids = opened
        self.language = self._language()
        joined = (f"live.user.{user_id}", *(f"live.{site_id}" for site_id in site_ids))
        for group in joined:
            await self.channel_layer.group_add(group, self.channel_name)
        self.joined = joined
        await self.accept()
        await self.send_json({"type": "hello"})
        self.still_open = asyncio.create_task(self._stay_signed_in())

    async def disconnect(self, code: int) -> None:
        """Leave the groups."""
        if self.still_open is not None:
            self.still_open.cancel()
        for group in self.joined:
            await self.channel_layer.group_discard(group, self.channel_name)

    async def receive(
        self, text_data: str | None = None, bytes_data: bytes | None = None, **_: Any
    ) -> None:
        """Leave what a browser sends unread."""

    async def live_record(self, message: dict[str, Any]) -> None:
        """Pass a record on."""
        await self._show("record", message["record"])

    async def live_alert(self, message: dict[str, Any]) -> None:
        """Pass an alert on."""
        await self._show("alert", message["alert"])

    async def live_recheck(self, _message: dict[str, Any]) -> None:
        """Check whether the user has been signed out."""
        await self._check()

    async def _stay_signed_in(self) -> None:
        while True:
            await asyncio.sleep(STILL_OPEN_EVERY_S)
            try:
                await self._check()
            except AnyDatabaseError:
                # Away for the moment; the session outlasts many rounds.
                logger.warning("live_session_unchecked")

    async def _check(self) -> None:
        if not await in_database(session_goes_on, self._session_key()):
            await self.close(code=CLOSE_SIGNED_OUT)

    async def _show(self, kind: str, facts: dict[str, Any]) -> None:
        # Memberships end and sessions are logged out while a page stays open for weeks.
        sees = await in_database(session_sees, self._session_key(), facts["site"])
        if sees is None:
            await self.close(code=CLOSE_SIGNED_OUT)
        elif sees:
            with translation.override(self.language):
                card = (
                    self.viewer.record_card(facts)
                    if kind == "record"
                    else self.viewer.alert_card(facts)
                )
            await self.send_json({"type": kind, kind: card})

    def _session_key(self) -> str | None:
        key: str | None = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME)
        return key

    def _language(self) -> str:
        asked = parse_qs(self.scope["query_string"].decode("latin-1")).get("lang", [""])[0]
        known = {code for code, _name in settings.LANGUAGES}
        return asked if asked in known else settings.LANGUAGE_CODE
