"""Drivers for doors without a prompter or a card reader."""

import asyncio
from dataclasses import dataclass

from edge_agent.drivers.base import Prompt


@dataclass(frozen=True, slots=True)
class NoPrompterOptions:
    """The driver ``none`` has no options."""

    def make(self) -> "NoPrompter":
        """Build the prompter."""
        return NoPrompter()


@dataclass(frozen=True, slots=True)
class NoCardReaderOptions:
    """The driver ``none`` has no options."""

    def make(self) -> "NoCardReader":
        """Build the card reader."""
        return NoCardReader()


class NoPrompter:
    """`Prompter` that does nothing."""

    is_soundless = True

    async def open(self) -> None:
        """See `Prompter.open`."""

    async def prompt(self, prompt: Prompt) -> None:
        """See `Prompter.prompt`; nothing happens."""

    async def close(self) -> None:
        """See `Prompter.close`."""


class NoCardReader:
    """A `CardReader` to which no card is ever held."""

    async def open(self) -> None:
        """See `CardReader.open`."""

    async def next_card(self) -> str | None:
        """See `CardReader.next_card`; never returns."""
        await asyncio.Event().wait()
        return None

    async def close(self) -> None:
        """See `CardReader.close`."""
