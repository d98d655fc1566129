"""Relays with a network address, against a real server on loopback."""

import asyncio
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.drivers.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.drivers.relay_http import HttpRelay, HttpRelayOptions
from tests.support.drivers.relay_box import PASSWORD, Box


@pytest.fixture
async def box() -> AsyncIterator[Box]:
    made = Box()
    await made.start()
    yield made
    await made.stop()


async def until_released(box: Box) -> None:
    async with asyncio.timeout(5):
        while box.is_energised:
            box.changed.clear()
            await box.changed.wait()


async def test_pulse_is_two_requests(box: Box) -> None:
    relay = box.options().make()
    await relay.open()

    await relay.pulse(50)
    is_energised = box.is_energised
    await until_released(box)
    await relay.close()

    assert is_energised
    assert box.asked == ["GET /off", "GET /on", "GET /off", "GET /off"]
    assert len(box.callers) == 4  # a connection of its own for each


async def test_closing_releases_at_once(box: Box) -> None:
    relay = box.options(method="POST").make()
    await relay.open()
    await relay.pulse(30_000)

    await relay.close()
    await relay.close()

    assert not box.is_energised
    assert box.asked[-2:] == ["POST /on", "POST /off"]


@pytest.mark.parametrize("kind", ["basic", "digest"])
async def test_relay_with_a_password(box: Box, kind: str) -> None:
    box.auth = kind
    options = box.options(username="door", password=PASSWORD, digest=kind == "digest")
    relay = options.make()
    await relay.open()

    await relay.pulse(1000)

    assert box.is_energised
    await relay.close()
    with pytest.raises(DriverUnavailable, match="answers HTTP 401"):
        await replace(options, password="wrong").make().open()


async def test_a_slow_relay_is_a_timeout_and_is_told_to_release(box: Box) -> None:
    relay = box.options(timeout_s=0.1).make()
    await relay.open()
    box.answers.clear()

    with pytest.raises(DriverTimeout, match="does not answer"):
        await relay.pulse(30_000)
    box.answers.set()
    await until_released(box)

    # Nobody waited for it: it is told again by itself, long before the pulse would have ended.
    async with asyncio.timeout(5):
        while box.asked[-1] != "GET /off":
            box.changed.clear()
            await box.changed.wait()
    await relay.close()


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_an_answer_that_is_no_success_is_an_error(box: Box, status: int) -> None:
    relay = box.options().make()
    await relay.open()
    box.status = status

    with pytest.raises(DriverError, match=f"answers HTTP {status}"):
        await relay.pulse(1000)
    box.status = 200
    await relay.close()
    assert "GET /elsewhere" not in box.asked


async def test_relay_that_is_away_is_one_clear_sentence_without_its_address() -> None:
    away = f"http://door:{PASSWORD}@127.0.0.1:9/on?key={PASSWORD}"
    options = HttpRelayOptions(on_url=away, off_url=away)

    with pytest.raises(DriverUnavailable) as caught:
        await options.make().open()

    assert str(caught.value).startswith("the relay at 127.0.0.1:9 cannot be reached")
    assert PASSWORD not in str(caught.value) + repr(options)


async def test_no_log_holds_an_address(box: Box, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="edge_agent")
    base = f"http://127.0.0.1:{box.port}"
    relay = HttpRelay(
        HttpRelayOptions(on_url=f"{base}/on?k={PASSWORD}", off_url=f"{base}/off?k={PASSWORD}")
    )
    await relay.open()
    box.status = 500
    with pytest.raises(DriverError):
        await relay.pulse(20)
    async with asyncio.timeout(5):
        while len(box.asked) < 4:  # it is told to release after it failed
            box.changed.clear()
            await box.changed.wait()
    box.status = 200
    await relay.close()

    own = [one for one in caplog.records if one.name.startswith("edge_agent")]
    assert own
    assert PASSWORD not in "".join(logging.Formatter().format(one) for one in own)


async def test_relay_that_times_itself_is_asked_once(box: Box) -> None:
    base = f"http://127.0.0.1:{box.port}"
    relay = HttpRelayOptions(pulse_url=f"{base}/pulse?t={{ms}}&s={{s}}").make()
    await relay.open()

    await relay.pulse(1500)
    await relay.pulse(500)  # ends before the first
    await relay.pulse(3000)
    await relay.close()

    assert box.asked == ["GET /pulse?t=1500&s=1.5", "GET /pulse?t=3000&s=3"]


async def test_relay_that_times_itself_is_released_at_both_ends(box: Box) -> None:
    base = f"http://127.0.0.1:{box.port}"
    relay = HttpRelayOptions(pulse_url=f"{base}/pulse?t={{ms}}", off_url=f"{base}/off").make()
    await relay.open()
    await relay.pulse(1000)
    with pytest.raises(ValueError, match="20 to 30000"):
        await relay.pulse(0)
    await relay.close()
    await relay.close()

    assert box.asked == ["GET /off", "GET /pulse?t=1000", "GET /off"]
    with pytest.raises(DriverError, match="is not open"):
        await relay.pulse(1000)


@pytest.mark.parametrize(
    ("options", "reported"),
    [
        ({}, "on_url: must look like"),
        ({"on_url": "http://h/on"}, "off_url: must look like"),
        ({"on_url": "ftp://h/on", "off_url": "http://h/off"}, "on_url: must look like"),
        ({"on_url": "http://h:99999/", "off_url": "http://h/off"}, "on_url: must look like"),
        ({"on_url": "http://h/\n", "off_url": "http://h/off"}, "on_url: must look like"),
        ({"on_url": "http://h/", "off_url": "http://h/", "method": "EAT"}, "method: must be"),
        ({"pulse_url": "http://h/"}, "pulse_url: must hold"),
        ({"pulse_url": "http://h/{s}", "on_url": "http://h/"}, "on_url: must be empty"),
        ({"pulse_url": "http://h/{s}", "off_url": "h"}, "off_url: must look like"),
    ],
)
def test_impossible_options_are_named(options: dict[str, str], reported: str) -> None:
    with pytest.raises(ConfigInvalid, match=reported):
        HttpRelayOptions(**options).make()
