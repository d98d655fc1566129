"""A relay pulls in, holds, and releases whatever happens."""

import asyncio
import sys

import pytest

from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from edge_agent.drivers.relay_gpiod import GpiodRelay, vendor_errors
from edge_agent.drivers.relay_simulated import SimulatedRelay
from tests.support.drivers.fake_gpiod import FakeLine, gpiod, install_line
from tests.support.waiting import wait_until_async


async def released(relay: SimulatedRelay, *, within_s: float = 2.0) -> float:
    """Wait for the release; seconds it took."""
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await wait_until_async(lambda: not relay.is_energised, within_s, every=0.005)
    return loop.time() - started_s


async def test_pulse_holds_for_its_time_and_does_not_keep_the_caller() -> None:
    relay = SimulatedRelay()
    await relay.open()
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    await relay.pulse(200)
    returned_after_s = loop.time() - started_s
    is_energised = relay.is_energised
    held_s = await released(relay)

    assert returned_after_s < 0.1
    assert is_energised
    assert 0.15 <= held_s <= 0.5
    await relay.close()


async def test_pulse_during_a_pulse_holds_until_the_later_end() -> None:
    relay = SimulatedRelay()
    await relay.open()

    await relay.pulse(300)
    await relay.pulse(20)
    await asyncio.sleep(0.1)  # five times the short pulse, a third of the long one
    assert relay.is_energised
    await released(relay)
    await relay.pulse(20)
    await relay.pulse(300)
    await asyncio.sleep(0.1)  # as above

    assert relay.is_energised
    await released(relay)
    await relay.close()


async def test_closing_releases_at_once() -> None:
    relay = SimulatedRelay()
    await relay.open()
    await relay.pulse(5000)

    await relay.close()
    await relay.close()

    assert not relay.is_energised


@pytest.mark.parametrize("hold_ms", [0, 19, 30_001, -1])
async def test_impossible_time_moves_nothing(hold_ms: int) -> None:
    relay = SimulatedRelay()
    await relay.open()

    with pytest.raises(ValueError, match="20 to 30000"):
        await relay.pulse(hold_ms)

    assert not relay.is_energised
    await relay.close()


async def test_closed_relay_does_not_pulse() -> None:
    with pytest.raises(DriverError):
        await SimulatedRelay().pulse(100)


class StickyRelay(SimulatedRelay):
    """Its first releases fail."""

    failures = 2

    async def _switch(self, *, energised: bool) -> None:
        if not energised and self.failures:
            self.failures -= 1
            raise DriverError("sticks")
        await super()._switch(energised=energised)


async def test_relay_that_sticks_is_told_to_release_until_it_does() -> None:
    relay = StickyRelay()
    await relay.open()

    await relay.pulse(20)

    assert await released(relay) >= 0.4
    assert relay.failures == 0
    await relay.close()


class SlowRelay(SimulatedRelay):
    """Its switch takes a while, as over USB, so that a pulse can come during a release."""

    async def _switch(self, *, energised: bool) -> None:
        await asyncio.sleep(0.05)
        await super()._switch(energised=energised)


async def test_pulse_that_comes_while_the_relay_is_being_released_ends_too() -> None:
    relay = SlowRelay()
    await relay.open()
    await relay.pulse(60)
    await asyncio.sleep(0.03)  # the release is under way

    await relay.pulse(100)

    await released(relay)
    # Nothing is left that could pull it in again.
    await wait_until_async(lambda: asyncio.all_tasks() == {asyncio.current_task()})
    assert not relay.is_energised
    await relay.close()


@pytest.fixture
def line(monkeypatch: pytest.MonkeyPatch) -> FakeLine:
    """A line of a chip; everything else of the library is the real one."""
    return install_line(monkeypatch)


async def test_gpio_line_follows_the_pulse(line: FakeLine) -> None:
    relay = GpiodRelay(chip="/dev/gpiochip0", line=17, active_low=True)
    await relay.open()

    await relay.pulse(50)
    await wait_until_async(lambda: len(line.levels) >= 3)
    await relay.close()

    assert line.levels == ["17=INACTIVE", "17=ACTIVE", "17=INACTIVE", "17=INACTIVE"]
    assert line.is_released
    assert line.is_active_low


async def test_gpio_line_that_fails_is_a_driver_error(line: FakeLine) -> None:
    relay = GpiodRelay(chip="/dev/gpiochip0", line=17, active_low=True)
    await relay.open()
    line.error = OSError(5, "Input/output error")

    with pytest.raises(DriverError, match="line 17"):
        await relay.pulse(5000)
    line.error = None
    await wait_until_async(lambda: len(line.levels) >= 2, 4)

    # Long before the pulse would have ended, and without anybody asking.
    assert line.levels == ["17=INACTIVE", "17=INACTIVE"]
    await relay.close()


async def test_absent_chip_is_one_clear_sentence() -> None:
    relay = GpiodRelay(chip="/dev/gpiochip-none", line=17, active_low=False)

    with pytest.raises(DriverUnavailable, match="there is no GPIO chip /dev/gpiochip-none"):
        await relay.open()
    await relay.close()


async def test_absent_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gpiod", None)

    with pytest.raises(DriverUnavailable, match="edge-gpio"):
        await GpiodRelay(chip="/dev/gpiochip0", line=17, active_low=False).open()


def test_every_error_of_the_library_is_mapped() -> None:
    own = {
        one
        for one in vars(gpiod.exception).values()
        if isinstance(one, type) and issubclass(one, Exception)
    }

    assert own == set(vendor_errors(gpiod))
