"""Identity cards that were read, until the pass that follows is reported (9.2)."""

from typing import Final

from terminal_protocol import IdCard

# From the reader to the camera; afterwards another person may stand there.
_HOLDS_S: Final = 15.0


class IdCardTray:
    """Holds the last card for the next pass, for a few seconds, in memory only."""

    def __init__(self) -> None:
        self._card: IdCard | None = None
        self._until_s = 0.0

    def put(self, card: IdCard, now_s: float) -> None:
        """Hold a card in place of an earlier one.

        Args:
            card: what is on it.
            now_s: monotonic clock.
        """
        self._card, self._until_s = card, now_s + _HOLDS_S

    def take(self, now_s: float) -> IdCard | None:
        """Give the card away, once; None when there is none, or it was read too long ago."""
        card, self._card = self._card, None
        return card if now_s <= self._until_s else None
