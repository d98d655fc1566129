"""Cards read at the door: holder, decision, and record (8.3.1).

A card is that of a person entered at the device interface with its number as icNumber (8.2.1); the
platform's library knows no cards, and chapter 9 has no words for a pass by card. So the local rule
decides, where the policy lets it, and callers that read or receive records find the pass.
A mask or a temperature that the door demands keeps it closed: a card is no way around them.

An identity card (9.2, idCardInfo) is no key: what is on it goes along with the next pass.
"""

import logging
import sqlite3
from collections.abc import Callable
from datetime import datetime
from typing import Final

from edge_agent.door.decision import DoorDecision, DoorReason, Facts, PlatformAnswer, decide
from edge_agent.door.devices import Announcer, Devices
from edge_agent.door.door_settings import DoorSettings
from edge_agent.drivers import Cue, DriverError, EventLog
from edge_agent.recognition import Liveness
from edge_agent.storage import (
    BY_CARD,
    RELAY_FAILED,
    Database,
    DiskFull,
    Match,
    Outcome,
    RecordLog,
    Visit,
    enrolled_details,
)
from terminal_protocol import IdCard

logger = logging.getLogger(__name__)

# Answered by an index of `edge_agent.storage.database`; two rows are as good as none.
HOLDER: Final = (
    "SELECT user_id, name, user_type, details FROM people"
    " WHERE origin = 'local' AND json_extract(details, '$.icNumber') = ? LIMIT 2"
)
_CUES: Final = {
    DoorReason.LIBRARY_STALE: Cue.TRY_LATER,
    DoorReason.MASK_MISSING: Cue.MASK_MISSING,
    DoorReason.NOT_ON_RECORD: Cue.TRY_LATER,
}
_NO_HOLDER: Final = DoorDecision(open_door=False, reason=DoorReason.UNRECOGNISED)
# From the reader to the camera; afterwards another person may stand there.
_HOLDS_S: Final = 15.0


class PendingIdCard:
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
        """Return and remove the card; None when there is none or it has expired."""
        card, self._card = self._card, None
        return card if now_s <= self._until_s else None


class CardDesk:
    """Process cards one after the other."""

    def __init__(
        self,
        *,
        devices: Devices,
        database: Database,
        records: RecordLog,
        door: Callable[[], DoorSettings],
        library_age_s: Callable[[], float | None],
        event_log: EventLog,
        id_cards: PendingIdCard | None = None,
    ) -> None:
        self._devices = devices
        self._database = database
        self._records = records
        self._announcer = Announcer(devices.prompter, door=door)
        self._id_cards = id_cards or PendingIdCard()
        self._door = door
        self._library_age_s = library_age_s
        self._event_log = event_log

    async def run(self) -> None:
        """Work until the reader has no more cards.

        Raises:
            DriverError: the reader is broken; it is closed, so that it can be opened again.
        """
        reader = self._devices.card_reader
        await reader.open()
        try:
            while (card := await reader.next_card()) is not None:
                await (self.hold(card) if isinstance(card, IdCard) else self.take(card))
        except DriverError:
            await reader.close()
            raise

    async def hold(self, card: IdCard) -> None:
        """Hold the data of an identity card for the next pass; it does not open the door."""
        self._id_cards.put(card, self._devices.clock.monotonic())
        self._event_log.write(
            "id_card", "an identity card was read → waiting for its holder's face"
        )
        await self._announcer.announce(Cue.LOOK_HERE)

    async def take(self, card: str) -> DoorDecision:
        """Decide about one card and open the door, or not; the number goes nowhere."""
        holder = await self._database.run(lambda connection: _holder(connection, card))
        door, now = self._door(), self._devices.clock.now()
        if holder is None:
            self._event_log.write("card", "an unknown card → nothing", outcome="unknown")
            await self._announcer.announce(Cue.STRANGER)
            return _NO_HOLDER
        decision = self._decide(holder, door, now)
        visit = Visit(
            at=now,
            match=holder,
            temperature_c=None,
            temperature_limit_c=door.rules.temperature_limit_c,
            has_mask=None,
            snapshot=b"",
            input_type=BY_CARD,
            outcome=Outcome(is_open=decision.open_door, reason=decision.reason.value),
        )
        record_id = await self._noted(visit)
        if record_id is None and decision.open_door and not door.rules.opens_unrecorded:
            decision = DoorDecision(open_door=False, reason=DoorReason.NOT_ON_RECORD)
        works = await self._pulse(decision) if decision.open_door else False
        if decision.open_door and not works and record_id is not None:
            await self._records.set_outcome(record_id, RELAY_FAILED)
        outcome = f"relay pulsed {decision.unlock_delay_ms} ms" if works else "door stays closed"
        self._event_log.write(
            "card",
            f"card of {holder.name or holder.user_id} → {outcome}",
            outcome="match",
            user_id=holder.user_id,
            reason=decision.reason.value,
            open_door=works,
        )
        cue = Cue.WELCOME if works else _CUES.get(decision.reason, Cue.REFUSED)
        await self._announcer.announce(cue, match=holder)
        return decision

    async def _noted(self, visit: Visit) -> int | None:
        """Write a visit down; None when the disk is full (docs/decisions/0016-full-disk.md)."""
        try:
            return await self._records.note(visit)
        except DiskFull:
            return None

    def _decide(self, holder: Match, door: DoorSettings, now: datetime) -> DoorDecision:
        facts = Facts(
            user_type=holder.user_type,
            library_age_s=self._library_age_s(),
            # It cannot be asked about cards, which is as if it were away.
            platform=PlatformAnswer.AWAY,
            is_expected=holder.is_expected(now),
            # Liveness tells faces from pictures; no face is looked at here.
            liveness=Liveness.LIVE,
        )
        return decide(facts, door.rules)

    async def _pulse(self, decision: DoorDecision) -> bool:
        try:
            await self._devices.relay.pulse(decision.unlock_delay_ms)
        except DriverError:
            logger.exception("relay_failed")
            return False
        return True


def _holder(connection: sqlite3.Connection, card: str) -> Match | None:
    """Return the card's holder; None when two people have the same."""
    rows = connection.execute(HOLDER, (card,)).fetchall()
    if len(rows) != 1:
        return None
    user_id, name, user_type, details = rows[0]
    return Match(user_id, name, user_type, 100, *enrolled_details(details))
