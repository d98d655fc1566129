"""From a picture to a door: see, recognise, measure, tell, decide, open."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from edge_agent.door.cards import IdCardTray
from edge_agent.door.decision import (
    Decision,
    Facts,
    PlatformWord,
    Reason,
    asks_platform,
    decide,
    seems_alive,
)
from edge_agent.door.door_devices import Announcer, BodyThermometer, Devices
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.glance import Glance
from edge_agent.door.keeping import Keeper, Kept
from edge_agent.door.seen import Seen
from edge_agent.door.visit_words import VisitTale, cue_of
from edge_agent.door.visiting import Timings, Visiting
from edge_agent.door.watching import Visitor, Watcher
from edge_agent.drivers.base import Cue, Frame
from edge_agent.drivers.exceptions import DriverError
from edge_agent.drivers.story import Story
from edge_agent.recognition.recogniser import Recogniser
from edge_agent.storage.people_rows import Match
from edge_agent.storage.records import RELAY_FAILED, Outcome, RecordLog, Visit
from edge_agent.upstream.uplink import Delivery, Uplink, Verdict
from edge_agent.upstream.uploads import UploadWriter

logger = logging.getLogger(__name__)

__all__ = ["Devices", "Pipeline"]

_WAIT_CUE_S: Final = 0.3  # an answer that comes sooner needs no announcement


class Pipeline:
    """Works through visits; settings are read anew for each.

    A folder's pictures are visits one after the other. A live camera is read on while somebody
    waits for the platform's word, so that it does not keep the next one from being seen.

    Attributes:
        visits: visits so far.
        frames_seen: pictures taken from the camera so far.
        last_frame: the newest of them.
        glance: what is to be seen of all this from afar.
        keeper: puts visits on the disk.
        id_cards: the identity card of the next visitor.
        decided: from the picture to the decision.
        pulsed: from the picture to the relay.
    """

    def __init__(
        self,
        *,
        devices: Devices,
        recogniser: Recogniser,
        uplink: Uplink,
        writer: UploadWriter,
        records: RecordLog,
        door: Callable[[], DoorSettings],
        library_age_s: Callable[[], float | None],
        story: Story,
    ) -> None:
        self._devices = devices
        self._recogniser = recogniser
        self._uplink = uplink
        self._writer = writer
        self._records = records
        self.keeper = Keeper(records, uplink, devices.clock)
        self._door = door
        self._watcher = Watcher(recogniser)
        self._library_age_s = library_age_s
        self._story = story
        self.id_cards = IdCardTray()
        self._thermometer = BodyThermometer(devices.thermometer)
        self._announcer = Announcer(devices.prompter, door=door)
        self.visits = 0
        self.frames_seen = 0
        self.last_frame: Frame | None = None
        self.glance = Glance()
        self.decided = Timings()
        self.pulsed = Timings()

    @property
    def faces_seen(self) -> int:
        """Faces that a live camera showed so far, in all its pictures."""
        return self._watcher.faces_seen

    async def run(self, *, visits_most: int = 0) -> None:
        """Work until the camera has no more pictures.

        Args:
            visits_most: stop after so many visits since this object was made; 0 for no limit.

        Raises:
            DriverError: the camera is broken.
        """
        async with Visiting() as visiting:
            while not visits_most or self.visits < visits_most:
                frame = await self._devices.camera.next_frame()
                if frame is None:
                    await self._finish(visiting)
                    return
                await self._take(frame, visiting)

    async def look(self, frame: Frame) -> Decision | None:
        """Take in one frame and wait for what becomes of it.

        Returns:
            What was decided about the first visitor, None when it shows no new visit of a face.
        """
        async with Visiting() as visiting:
            await self._take(frame, visiting)
        return visiting.first

    async def _take(self, frame: Frame, visiting: Visiting) -> None:
        self.frames_seen += 1
        self.last_frame = frame
        door = self._door()
        seen_at_s = self._devices.clock.monotonic()
        if frame.is_visit:
            visiting.note(await self._look_once(frame, seen_at_s, door))
            return
        if not door.is_looking:
            self.glance.show(frame, seen_at_s, door)
            return
        glimpse = await self._watcher.take(frame, seen_at_s, door)
        self.glance.show(frame, seen_at_s, door, glimpse.faces)
        for visitor in glimpse.visitors:
            await visiting.begin(self._visit(visitor, door))
        if glimpse.asks_to_look:
            await self._announcer.tell(Cue.LOOK_HERE)
        elif glimpse.is_empty and not visiting.is_busy:
            await self._announcer.tell(Cue.IDLE)

    async def _finish(self, visiting: Visiting) -> None:
        """Decide about those who were still followed when the camera ended."""
        door = self._door()
        for visitor in await self._watcher.finish(door):
            await visiting.begin(self._visit(visitor, door))

    async def _look_once(
        self, frame: Frame, seen_at_s: float, door: DoorSettings
    ) -> Decision | None:
        """Decide about the main face of a picture that is a visit by itself."""
        self.glance.show(frame, seen_at_s, door)
        sighting = None
        if door.is_looking:
            sighting = await self._recogniser.look(frame.image, door.looking)
        if sighting is None:
            self.visits += 1
            VisitTale(frame.label).no_face(self._story)
            return None
        if sighting.face is not None:
            self.glance.show(frame, seen_at_s, door, [sighting.face])
        return await self._visit(Visitor(sighting, frame, seen_at_s, sighting.face), door)

    async def _visit(self, visitor: Visitor, door: DoorSettings) -> Decision:
        self.visits += 1
        sighting, frame = visitor.sighting, visitor.frame
        body = None
        if door.measures_temperature:
            body = await self._thermometer.measure(frame, visitor.face, door.temperature)
            self.glance.measured(body, visitor.seen_at_s, works=self._thermometer.works)
        # Taken by the first visitor, known or not: a later one is another person.
        id_card = self.id_cards.take(self._devices.clock.monotonic())
        seen = Seen(sighting, body, visitor.seen_at_s, door, self._writer.mask_assumed, id_card)
        tale = VisitTale(frame.label, sighting.match, seen.temperature_c)
        if sighting.match is None or not seems_alive(sighting.liveness, door.rules):
            return await self._unmatched(seen, tale)
        return await self._pass(seen, sighting.match, tale)

    async def _pass(self, seen: Seen, match: Match, tale: VisitTale) -> Decision:
        now = self._devices.clock.now()
        body = self._writer.face_match(
            match,
            captured_at=now,
            temperature_c=seen.temperature_c,
            snapshot=seen.sighting.snapshot,
            mask=seen.mask,
            id_card=seen.id_card,
        )
        kept = await self._keep(seen, now, "syface", body)
        word, delay_ms, is_on_record = await self._ask(seen, kept)
        decision = decide(
            Facts(
                user_type=match.user_type,
                temperature_c=seen.temperature_c,
                library_age_s=self._library_age_s(),
                platform=word,
                platform_delay_ms=delay_ms,
                has_mask=seen.counts_as_masked,
                is_expected=match.is_expected(now),
                liveness=seen.sighting.liveness,
                is_on_record=is_on_record,
            ),
            seen.door.rules,
        )
        self.decided.add(self._devices.clock.monotonic() - seen.seen_at_s)
        relay_works = await self._open(decision, seen) if decision.open_door else True
        self._uplink.wake()
        tale.passed(self._story, decision, word, relay_works=relay_works)
        is_let_in = decision.open_door and relay_works
        await self._announcer.tell(
            cue_of(decision.reason, is_let_in=is_let_in), match=match, body=seen.body
        )
        await self._note(kept, decision, relay_works=relay_works)
        return decision

    async def _note(self, kept: Kept, decision: Decision, *, relay_works: bool) -> None:
        """Write the outcome down; the door has moved by now and does not wait for it."""
        outcome = Outcome(is_open=decision.open_door, reason=decision.reason.value)
        if not relay_works:
            outcome = RELAY_FAILED
        if kept.seq is None:
            return
        try:
            await self._records.note_outcome(kept.seq, outcome)
        except (OSError, sqlite3.Error):
            # The record and its upload are on disk; only the reason is missing on the page.
            logger.exception("outcome_not_kept")

    async def _ask(self, seen: Seen, kept: Kept) -> tuple[PlatformWord, int | None, bool]:
        """Send a pass and wait for the platform's word, if it is asked at all.

        One that found no room on the disk is sent in any case, to be on record there.

        Returns:
            The word, the delay it comes with, and whether the pass is on record.
        """
        is_asked = asks_platform(seen.door.rules.decide)
        if not is_asked and kept.seq is not None:
            return PlatformWord.NOT_ASKED, None, True
        delivery = await self._deliver(kept, seen.waits_until_s)
        is_on_record = kept.is_on_record(delivery)
        if not is_asked:
            return PlatformWord.NOT_ASKED, None, is_on_record
        # An answer counts only while the person it is about stands at the door.
        is_late = self._devices.clock.monotonic() > seen.waits_until_s
        word = PlatformWord.LATE if delivery is None or is_late else _word(delivery)
        delay_ms = None
        if delivery is not None and delivery.answer is not None and delivery.has_delay:
            delay_ms = delivery.answer.unlock_delay_ms
        return word, delay_ms, is_on_record

    async def _deliver(self, kept: Kept, until_s: float) -> Delivery | None:
        """Send an event now; whoever waits longer than a moment is told so."""
        sending = asyncio.ensure_future(self.keeper.deliver(kept, until_s=until_s))
        try:
            done, _ = await asyncio.wait([sending], timeout=_WAIT_CUE_S)
            if not done:
                await self._announcer.tell(Cue.WAIT)
            return await sending
        finally:
            sending.cancel()

    async def _unmatched(self, seen: Seen, tale: VisitTale) -> Decision:
        """Report a stranger, or a picture of a person."""
        now = self._devices.clock.now()
        match = seen.sighting.match
        facts = Facts(
            user_type=None if match is None else match.user_type,
            temperature_c=seen.temperature_c,
            has_mask=seen.counts_as_masked,
            liveness=seen.sighting.liveness,
        )
        decision = decide(facts, seen.door.rules)
        told = self._reading(seen, now, decision)
        # What opens is not decided to its end before the door has moved.
        outcome = (
            None if decision.open_door else Outcome(is_open=False, reason=decision.reason.value)
        )
        kept = await self._keep(seen, now, "syattribute", told, outcome)
        relay_works = True
        if decision.open_door:
            decision = decide(replace(facts, is_on_record=kept.seq is not None), seen.door.rules)
            relay_works = await self._open(decision, seen) if decision.open_door else True
        self.decided.add(self._devices.clock.monotonic() - seen.seen_at_s)
        is_let_in = decision.open_door and relay_works
        if outcome is None and not is_let_in:
            closed = replace(decision, open_door=False)
            kept = await self.keeper.amend(kept, self._reading(seen, now, closed))
        cue = cue_of(decision.reason, is_let_in=is_let_in)
        await self._announcer.tell(cue, body=seen.body)
        await self._note(kept, decision, relay_works=relay_works)
        delivery = None
        if asks_platform(seen.door.rules.decide):
            delivery = await self.keeper.deliver(kept, until_s=seen.waits_until_s)
        self._uplink.wake()
        is_stored = delivery is not None and delivery.verdict is Verdict.DONE
        if match is None and decision.reason is Reason.NOBODY:
            tale.stranger(self._story, is_stored=is_stored)
        else:
            tale.passed(self._story, decision, PlatformWord.NOT_ASKED, relay_works=relay_works)
        return decision

    def _reading(self, seen: Seen, now: datetime, decision: Decision) -> bytes:
        """Write the upload about a stranger."""
        return self._writer.temperature(
            captured_at=now,
            temperature_c=seen.temperature_c,
            limit_c=seen.door.rules.temperature_limit_c,
            snapshot=seen.sighting.snapshot,
            mask=seen.mask,
            misses_mask=seen.mask_recorded is False,
            is_opened=decision.open_door,
            tongue=seen.door.tongue,
        )

    async def _keep(
        self, seen: Seen, now: datetime, kind: str, body: bytes, outcome: Outcome | None = None
    ) -> Kept:
        """Put record and upload on disk, together."""
        is_pass = kind == "syface"
        visit = Visit(
            at=now,
            match=seen.sighting.match if is_pass else None,
            temperature_c=seen.temperature_c,
            temperature_limit_c=seen.door.rules.temperature_limit_c,
            has_mask=seen.mask_recorded,
            snapshot=seen.sighting.snapshot,
            outcome=outcome,
        )
        return await self.keeper.keep(visit, kind, body)

    async def _open(self, decision: Decision, seen: Seen) -> bool:
        """Pulse the relay; whether it moved."""
        try:
            await self._devices.relay.pulse(decision.unlock_delay_ms)
        except DriverError:
            logger.exception("relay_failed")
            return False
        self.pulsed.add(self._devices.clock.monotonic() - seen.seen_at_s)
        return True


def _word(delivery: Delivery) -> PlatformWord:
    """What a delivery in time says about the door."""
    if delivery.answer is not None:
        return PlatformWord.OPEN if delivery.answer.open_door else PlatformWord.KEEP_CLOSED
    return PlatformWord.AWAY if delivery.verdict is Verdict.AWAY else PlatformWord.NOT_STORED
