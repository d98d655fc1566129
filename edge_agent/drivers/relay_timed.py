"""Timing shared by all relays: energise now, release later, release in any case."""

import asyncio
import logging
from typing import Final

from edge_agent.config.fields import RELAY_HOLD_MAX_MS, UNLOCK_DELAY_MIN_MS
from edge_agent.drivers.exceptions import DriverError

logger = logging.getLogger(__name__)

# A relay that does not release leaves a door open: it is told again until it does.
_RELEASE_AGAIN_S: Final = 0.25


class TimedRelay:
    """Base of relays; a subclass provides `_attach`, `_switch` and `_detach`."""

    def __init__(self) -> None:
        self._releasing: asyncio.Task[None] | None = None
        self._hold_until_s = 0.0
        self._attached = False

    @property
    def overdue_s(self) -> float:
        """Seconds by which the release is overdue; 0 when it is not."""
        if self._releasing is None or self._releasing.done():
            return 0.0
        return max(0.0, asyncio.get_running_loop().time() - self._hold_until_s)

    async def _attach(self) -> None:
        """Open the hardware, released."""
        raise NotImplementedError

    async def _switch(self, *, energised: bool) -> None:
        """Pull in or release. Raises `DriverError` when that failed."""
        raise NotImplementedError

    async def _detach(self) -> None:
        """Close the hardware; it is released already."""
        raise NotImplementedError

    async def open(self) -> None:
        """See `Relay.open`."""
        if not self._attached:
            await self._attach()
            self._attached = True

    async def pulse(self, hold_ms: int) -> None:
        """See `Relay.pulse`."""
        if not UNLOCK_DELAY_MIN_MS <= hold_ms <= RELAY_HOLD_MAX_MS:
            raise ValueError(f"a relay holds {UNLOCK_DELAY_MIN_MS} to {RELAY_HOLD_MAX_MS} ms")
        if not self._attached:
            raise DriverError("the relay is not open")
        loop = asyncio.get_running_loop()
        self._hold_until_s = max(self._hold_until_s, loop.time() + hold_ms / 1000)
        # The release is arranged first, so that nothing can come between pulling in and it.
        if self._releasing is None or self._releasing.done():
            self._releasing = asyncio.create_task(self._release_later(), name="relay-release")
        try:
            await self._switch(energised=True)
        except BaseException:
            # Whether it moved is not known: release at once, and again until that works.
            self._hold_until_s = 0.0
            self._releasing.cancel()
            self._releasing = asyncio.create_task(self._release_later(), name="relay-release")
            raise

    async def close(self) -> None:
        """See `Relay.close`."""
        if not self._attached:
            return
        if self._releasing is not None:
            self._releasing.cancel()
            await asyncio.wait([self._releasing])
        self._attached = False
        try:
            await self._switch(energised=False)
        finally:
            await self._detach()

    async def _release_later(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, self._hold_until_s - loop.time()))
            if self._hold_until_s > loop.time():
                continue
            await self._release_now()
            # A pulse may have come while the relay was being released; it counts on this task.
            if self._hold_until_s <= loop.time():
                return

    async def _release_now(self) -> None:
        failures = 0
        while self._attached:
            try:
                await self._switch(energised=False)
                return
            except Exception:
                # The border of this task: whatever a driver raises, the door must not stay open.
                failures += 1
                if failures == 1:
                    logger.exception("relay_release_failed again_every_s=%s", _RELEASE_AGAIN_S)
                await asyncio.sleep(_RELEASE_AGAIN_S)
