"""A browser's end of a socket, over asgiref alone (channels' own one wants the daphne server)."""

import json
from typing import Any

from asgiref.testing import ApplicationCommunicator


class Socket(ApplicationCommunicator):
    """One websocket to an ASGI application."""

    def __init__(
        self, application: Any, path: str, query: str, headers: list[tuple[bytes, bytes]]
    ) -> None:
        super().__init__(
            application,
            {
                "type": "websocket",
                "path": path,
                "query_string": query.encode(),
                "headers": headers,
                "subprotocols": [],
            },
        )

    async def connect(self) -> bool:
        """Shake hands; False when the application refused."""
        await self.send_input({"type": "websocket.connect"})
        answer = await self.receive_output(5)
        return bool(answer["type"] == "websocket.accept")

    async def receive_json(self) -> Any:
        """Return the next message."""
        answer = await self.receive_output(5)
        assert answer["type"] == "websocket.send", answer
        return json.loads(answer["text"])

    async def send_text(self, text: str) -> None:
        """Send what a browser might."""
        await self.send_input({"type": "websocket.receive", "text": text})

    async def disconnect(self) -> None:
        """Go away."""
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(5)
