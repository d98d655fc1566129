"""What systemd is told, on real sockets."""

import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.service.service_manager import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """Return a bound socket, and its address as systemd writes it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.settimeout(5)
        if request.param == "path":
            address = str(tmp_path / "notify")
            bound.bind(address)
        else:
            address = f"@menjin-test-{os.getpid()}"
            bound.bind("\0" + address[1:])
        yield bound, address


def test_lines_arrive_in_one_datagram(listener: tuple[socket.socket, str]) -> None:
    bound, address = listener

    ServiceManager(address).send("READY=1", "STATUS=all is well")

    assert bound.recv(1000) == b"READY=1\nSTATUS=all is well"


def test_environment_says_where_and_how_often(listener: tuple[socket.socket, str]) -> None:
    bound, address = listener
    reported = {
        "NOTIFY_SOCKET": address,
        "WATCHDOG_USEC": "60000000",
        "WATCHDOG_PID": str(os.getpid()),
    }

    manager = ServiceManager.from_environment(reported)
    manager.send("WATCHDOG=1")

    assert (manager.is_there, manager.watchdog_s) == (True, 60.0)
    assert bound.recv(100) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("reported", "watchdog_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "1000000"}, 0.0),  # nobody to tell it to
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000"}, 1.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"NOTIFY_SOCKET": "/x", "WATCHDOG_USEC": "soon"}, 0.0),
        ({"NOTIFY_SOCKET": "vsock:2:1234", "WATCHDOG_USEC": "1000000"}, 0.0),
    ],
)
def test_watchdog_counts_only_when_it_is_meant_for_this_process(
    reported: dict[str, str], watchdog_s: float
) -> None:
    assert ServiceManager.from_environment(reported).watchdog_s == watchdog_s


def test_nobody_there_is_said_once_and_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manager = ServiceManager(str(tmp_path / "nobody"))

    with caplog.at_level(logging.WARNING):
        manager.send("READY=1")
        manager.send("WATCHDOG=1")

    assert [one.message for one in caplog.records] == ["service_manager_away"]


def test_full_socket_holds_nobody_up(tmp_path: Path) -> None:
    address = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        bound.bind(address)
        manager = ServiceManager(address)

        for _ in range(2000):  # the system queues some ten to a few hundred
            manager.send("WATCHDOG=1")

        bound.settimeout(5)
        assert bound.recv(100) == b"WATCHDOG=1"
