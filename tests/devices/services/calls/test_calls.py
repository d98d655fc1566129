"""Rates, presence and the recorder's note of a call: one step, with or without Redis."""

import logging
import time
from typing import Any

import pytest

from devices.models import Terminal
from devices.services import (
    Exchange,
    call_taken,
    exchanges_last,
    presence_flush,
    presence_last_seen,
)
from tests.support.processes import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, settings: Any) -> str:
    """Let the platform be one process, or several with Redis."""
    if request.param == "memory":
        settings.REDIS_URL = ""
    return str(request.param)


def idle(kind: str = "syheartbeat") -> Exchange:
    """Return a heartbeat's exchange."""
    return Exchange(time.time(), kind, "10.0.0.9", 200, {}, {"ret": "0"}, {}, 0.5)


def test_a_call_is_counted_and_noted(store: str, terminal: Terminal, settings: Any) -> None:
    settings.TERMINAL_RATE = (1, 2)

    allowed = [
        call_taken(terminal_id=terminal.pk, address="10.0.0.9", used_token=True, idle=idle())
        for _ in range(4)
    ]

    assert allowed == [True, True, False, False]
    assert presence_last_seen([terminal])[terminal.pk] is not None
    told = exchanges_last(terminal_id=terminal.pk)
    assert [(one.kind, one.address, one.took_ms) for one in told] == [
        ("syheartbeat", "10.0.0.9", 0.5)
    ]


def test_of_ipv6_a_whole_64_is_one_address(store: str, terminal: Terminal, settings: Any) -> None:
    settings.ADDRESS_RATE = (1, 2)
    addresses = ("2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:1::3", "2001:db8:0:2::1")

    allowed = [
        call_taken(terminal_id=terminal.pk, address=address, used_token=True)
        for address in (*addresses, "::ffff:10.0.0.9", "10.0.0.9", "10.0.0.9")
    ]

    assert allowed == [True, True, False, True, True, True, False]


def test_every_address_is_noted(store: str, terminal: Terminal) -> None:
    for address in ("10.0.0.8", "10.0.0.9", "10.0.0.8", ""):
        call_taken(terminal_id=terminal.pk, address=address, used_token=True)

    presence_flush()

    seen = terminal.addresses.values_list("address", flat=True)
    assert sorted(seen) == ["10.0.0.8", "10.0.0.9"]


def test_whoever_is_refused_is_not_noted(store: str, terminal: Terminal, settings: Any) -> None:
    settings.TERMINAL_RATE, settings.ADDRESS_RATE = (1, 100), (1, 1)
    assert call_taken(terminal_id=terminal.pk + 1, address="10.0.0.8", used_token=True)

    assert not call_taken(terminal_id=terminal.pk, address="10.0.0.8", used_token=True, idle=idle())

    assert presence_last_seen([terminal])[terminal.pk] is None
    assert exchanges_last(terminal_id=terminal.pk) == []


def test_a_caller_without_an_address_has_no_bucket_of_one(
    store: str, terminal: Terminal, settings: Any
) -> None:
    settings.ADDRESS_RATE = (1, 1)

    assert all(call_taken(terminal_id=terminal.pk, address="", used_token=False) for _ in range(5))


def test_while_redis_is_away_everybody_is_let_through_and_it_is_said_once(
    terminal: Terminal,
    settings: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"
    settings.TERMINAL_RATE = (1, 1)

    with caplog.at_level(logging.ERROR):
        allowed = [
            call_taken(terminal_id=terminal.pk, address="10.0.0.9", used_token=True)
            for _ in range(3)
        ]
    assert allowed == [True] * 3
    assert [one.msg.split()[0] for one in caplog.records] == ["rate_limits_away"]
