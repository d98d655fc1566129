"""Messages to live screens leave in order, cost no request a wait, and are dropped loudly."""

import asyncio
import os
import threading
import time
from typing import Any

import pytest
from channels.layers import BaseChannelLayer

from server_common.group_sender import GroupSender
from tests.support.waiting import wait_until


class Layer(BaseChannelLayer):
    """A channel layer that keeps what it is sent, once it is let."""

    def __init__(self, *, is_open: bool = True) -> None:
        super().__init__()
        self.sent: list[tuple[str, int]] = []
        self.threads: set[int] = set()
        self.opened = threading.Event()
        if is_open:
            self.opened.set()

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await asyncio.to_thread(self.opened.wait)
        if message["number"] < 0:
            raise ConnectionError("away")
        self.threads.add(threading.get_ident())
        self.sent.append((group, message["number"]))


def test_messages_leave_in_order_from_one_thread() -> None:
    sender, layer = GroupSender(), Layer()
    for number in range(200):
        sender.send(layer, "live.1", {"number": number})

    wait_until(lambda: len(layer.sent) == 200)

    assert layer.sent == [("live.1", number) for number in range(200)]
    assert len(layer.threads) == 1
    assert threading.get_ident() not in layer.threads


def test_what_cannot_be_sent_is_told_and_the_next_goes(caplog: pytest.LogCaptureFixture) -> None:
    sender, layer = GroupSender(), Layer()

    sender.send(layer, "live.1", {"number": -1})
    sender.send(layer, "live.1", {"number": 1})

    wait_until(lambda: layer.sent == [("live.1", 1)])
    wait_until(lambda: "screen_message_dropped reason=ConnectionError" in caplog.text)


def test_no_more_are_kept_than_there_is_room_for(caplog: pytest.LogCaptureFixture) -> None:
    sender, layer = GroupSender(unsent_most=3), Layer(is_open=False)
    for number in range(5):
        sender.send(layer, "live.1", {"number": number})

    assert caplog.text.count("screen_message_dropped group=live.1 unsent=3") == 2
    layer.opened.set()
    wait_until(lambda: len(layer.sent) == 3)
    sender.send(layer, "live.1", {"number": 9})
    wait_until(lambda: [number for _, number in layer.sent] == [0, 1, 2, 9])


def test_a_forked_process_sends_by_a_thread_of_its_own() -> None:
    sender, layer = GroupSender(), Layer()
    sender.send(layer, "live.1", {"number": 0})
    wait_until(lambda: len(layer.sent) == 1)

    child = os.fork()
    if child == 0:
        # Nothing of the test runner may run on here, so no assertion and no clean-up.
        sender.send(layer, "live.1", {"number": 1})
        end = time.monotonic() + 10
        while len(layer.sent) < 2 and time.monotonic() < end:
            time.sleep(0.002)
        os._exit(0 if len(layer.sent) == 2 else 1)
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
