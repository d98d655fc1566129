"""What is handed to the queue, for tests in which no worker runs."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app


@pytest.fixture
def queued(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Return what is handed to the queue; no worker runs here."""
    sent: list[tuple[str, dict[str, Any]]] = []

    def note(name: str, kwargs: dict[str, Any], **_: Any) -> None:
        sent.append((name, kwargs))

    monkeypatch.setattr(current_app._get_current_object(), "send_task", note)
    return sent
