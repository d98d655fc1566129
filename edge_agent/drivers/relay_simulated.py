"""Simulated relay, which records its pulses."""

import logging
from dataclasses import dataclass

from edge_agent.drivers.relay_timed import TimedRelay

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SimulatedRelayOptions:
    """The driver ``simulated`` has no options."""

    def make(self) -> "SimulatedRelay":
        """Build the relay."""
        return SimulatedRelay()


class SimulatedRelay(TimedRelay):
    """`Relay` for demonstrations and tests.

    Attributes:
        pulses_ms: every pulse so far, in milliseconds.
        is_energised: whether the door is unlocked at this moment.
        fails_with: raised when it is to pull in; None while it works.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pulses_ms: list[int] = []
        self.is_energised = False
        self.fails_with: Exception | None = None

    async def pulse(self, hold_ms: int) -> None:
        """See `Relay.pulse`."""
        await super().pulse(hold_ms)
        self.pulses_ms.append(hold_ms)

    async def _attach(self) -> None:
        self.is_energised = False

    async def _switch(self, *, energised: bool) -> None:
        if energised and self.fails_with is not None:
            raise self.fails_with
        if energised != self.is_energised:
            self.is_energised = energised
            logger.info("relay_simulated energised=%s", energised)

    async def _detach(self) -> None:
        self.is_energised = False
