"""Simulated card reader: cards from a file, one after the other."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from edge_agent.config.fields import CARD_MAX, between
from edge_agent.drivers.exceptions import DriverError, DriverUnavailable
from terminal_protocol import IdCard


@dataclass(frozen=True, slots=True)
class SimulatedReaderOptions:
    """Options of the driver ``simulated``.

    Attributes:
        file: JSON, a list of cards: a text is a number, an object an identity card with the keys of
            idCardInfo (9.2).
        interval_s: seconds between two cards, and before the first.
        rounds: how often to go through the file, 0 for ever.
    """

    file: Path = Path("cards.json")
    interval_s: Annotated[float, between(0, 86_400)] = 3.0
    rounds: Annotated[int, between(0, 1_000_000_000)] = 0

    def make(self) -> "SimulatedReader":
        """Build the reader; nothing is opened."""
        return SimulatedReader(self)


class SimulatedReader:
    """`CardReader` that reads cards from a file when it is opened."""

    def __init__(self, options: SimulatedReaderOptions) -> None:
        self._options = options
        self._cards: list[str | IdCard] = []
        self._left: Iterator[str | IdCard] = iter(())
        self._rounds_begun = 0

    async def open(self) -> None:
        """See `CardReader.open`."""
        if self._cards:
            return
        path = self._options.file
        try:
            with ThreadPoolExecutor(1, thread_name_prefix="cards") as thread:
                reading = asyncio.get_running_loop().run_in_executor(thread, path.read_bytes)
                text = (await reading).decode()
        except FileNotFoundError as error:
            raise DriverUnavailable(f"there is no file of cards {path}") from error
        except (OSError, UnicodeDecodeError) as error:
            raise DriverUnavailable(f"the file of cards {path} cannot be read") from error
        cards = _cards(text)
        if not cards:
            raise DriverUnavailable(f"the file of cards {path} holds no list of cards")
        self._cards = cards

    async def next_card(self) -> str | IdCard | None:
        """See `CardReader.next_card`."""
        if not self._cards:
            raise DriverError("the card reader is not open")
        await asyncio.sleep(self._options.interval_s)
        card = next(self._left, None)
        if card is None:
            if self._options.rounds and self._rounds_begun >= self._options.rounds:
                return None
            self._rounds_begun += 1
            self._left = iter(self._cards)
            card = next(self._left)
        return card

    async def close(self) -> None:
        """See `CardReader.close`."""
        self._cards = []


def _cards(text: str) -> list[str | IdCard]:
    """Parse the cards of a file; empty when one of them is invalid."""
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return []
    cards = [_card(one) for one in listed] if isinstance(listed, list) else []
    return [one for one in cards if one is not None] if None not in cards else []


def _card(value: Any) -> str | IdCard | None:
    if isinstance(value, Mapping):
        return IdCard.from_wire(value)
    is_number = isinstance(value, str) and 1 <= len(value) <= CARD_MAX and value.isprintable()
    return value if is_number else None
