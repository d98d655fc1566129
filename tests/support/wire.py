"""A terminal's view of the platform, through the real middleware chain."""

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client


class PlatformBusy(AssertionError):
    """There was no room for the request; a terminal would come again."""


class WireClient:
    """Speaks chapter 9; keeps what the platform told it, as a terminal would."""

    def __init__(self, *, token: str | None, device_id: str = "0000001") -> None:
        self.base = f"/t/{token}" if token else ""
        self.device_id = device_id
        self.client = Client(raise_request_exception=False)
        self.cursor = 0
        self.held: dict[str, str] = {}

    def post(self, kind: str, body: Any, content_type: str = "application/json") -> dict[str, Any]:
        """Post an upload and return the answer, which must be JSON with status 200."""
        response = _answered(self.raw(kind, body, content_type))
        return dict(response.json())

    def raw(self, kind: str, body: Any, content_type: str = "application/json") -> HttpResponse:
        """Post bytes, text or an object and return the response whatever it is."""
        if not isinstance(body, str | bytes):
            body = json.dumps(body)
        response: Any = self.client.post(
            f"{self.base}/{kind}/{self.device_id}", body, content_type=content_type
        )
        answer: HttpResponse = response
        return answer

    def poll(self, cursor: int | str | None = None) -> tuple[list[dict[str, Any]], int]:
        """Ask for changes and return (entries, cursor)."""
        asked = self.cursor if cursor is None else cursor
        response = self.client.get(
            f"{self.base}/syrecord/{self.device_id}", {"lastQueryTime": asked}
        )
        answer = _answered(response).json()["serviceResponse"]
        return answer["list"], answer["lastQueryTime"]

    def poll_refused(self) -> str:
        """Ask for changes and return the code with which that is refused."""
        response = self.client.get(f"{self.base}/syrecord/{self.device_id}")
        return str(response.json()["ret"])

    def sync(self) -> int:
        """Poll until nothing is new, applying each page; returns the number of entries."""
        seen = 0
        for _ in range(1000):
            entries, self.cursor = self.poll()
            if not entries:
                return seen
            seen += len(entries)
            for entry in entries:
                if entry["operation"] == "save":
                    self.held[entry["userId"]] = entry["imageUrl"]
                else:
                    self.held.pop(entry["userId"], None)
        raise AssertionError("the terminal is told changes without end")


def _answered(response: Any) -> Any:
    if response.status_code == 503 and b"platform is busy" in response.content:
        raise PlatformBusy
    assert response.status_code == 200, response.content
    return response
