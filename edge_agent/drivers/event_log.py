"""Event log on the console: plain lines for people, or JSON lines for programs."""

import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol, TextIO


class EventLog(Protocol):
    """Receiver of events."""

    def write(self, event: str, line: str, **facts: Any) -> None:
        """Write one event.

        Args:
            event: its name for programs.
            line: the same for people; may hold a person's name.
            facts: the same for programs; JSON values, never a name, a picture or an address.
        """
        ...


class ConsoleEventLog:
    """Writes on a stream, a line at a time, flushed."""

    def __init__(
        self, *, as_json: bool, secrets: tuple[str, ...] = (), stream: TextIO | None = None
    ) -> None:
        self._as_json = as_json
        self._secrets = secrets
        self._stream = stream or sys.stdout

    def write(self, event: str, line: str, **facts: Any) -> None:
        """See `EventLog.write`."""
        text = _json(event, facts) if self._as_json else line
        self._stream.write(redacted(text, self._secrets) + "\n")
        self._stream.flush()


def redacted(text: str, secrets: tuple[str, ...]) -> str:
    """Replace secrets in a text.

    Args:
        text: anything.
        secrets: longest first.
    """
    for secret in secrets:
        text = text.replace(secret, "[hidden]")
    return text


def _json(event: str, facts: Mapping[str, Any]) -> str:
    return json.dumps({"event": event, **facts}, ensure_ascii=False)
