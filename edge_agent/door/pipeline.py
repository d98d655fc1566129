"""Pipeline from a picture to the door: detect, recognise, measure, report, decide, open."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from edge_agent.door.cards import PendingIdCard
from edge_agent.door.decision import (
    DoorDecision,
    DoorReason,
    Facts,
    PlatformAnswer,
    asks_platform,
    decide,
    seems_alive,
)
from edge_agent.door.devices import Announcer, BodyThermometer, Devices
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.live_view import LiveView
from edge_agent.door.observation import Observation
from edge_agent.door.tracking import VisitDetector, Visitor
from edge_agent.door.visit_line import VisitLine, cue_of
from edge_agent.door.visit_writer import VisitUpload, VisitWriter
from edge_agent.door.visits import ConcurrentVisits, Timings
from edge_agent.drivers import Cue, DriverError, EventLog, Frame
from edge_agent.recognition import Recogniser
from edge_agent.storage import RELAY_FAILED, Match, Outcome, RecordLog, Visit
from edge_agent.upstream import Uplink, UploadResult, UploadVerdict, UploadWriter

logger = logging.getLogger(__name__)

__all__ = ["Devices", "Pipeline"]

_WAIT_CUE_S: Final = 0.3  # an answer that comes sooner needs no announcement


class Pipeline:
    """Process visits; settings are read again for each.

    A folder's pictures are visits one after the other. A live camera is read on while a visitor
    waits for the platform's word, so that it does not keep the next one from being seen.

    Attributes:
        visits: visits so far.
        frames_seen: pictures taken from the camera so far.
        last_frame: the newest of them.
        live_view: what is to be seen of all this from afar.
        visit_writer: puts visits on the disk.
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
        event_log: EventLog,
    ) -> None:
        self._devices = devices
        self._recogniser = recogniser
        self._uplink = uplink
        self._writer = writer
        self._records = records
        self.visit_writer = VisitWriter(records, uplink, devices.clock)
        self._door = door
        self._detector = VisitDetector(recogniser)
        self._library_age_s = library_age_s
        self._event_log = event_log
        self.id_cards = PendingIdCard()
        self._thermometer = BodyThermometer(devices.thermometer)
        self._announcer = Announcer(devices.prompter, door=door)
        self.visits = 0
        self.frames_seen = 0
        self.last_frame: Frame | None = None
        self.live_view = LiveView()
        self.decided = Timings()
        self.pulsed = Timings()

    @property
    def faces_seen(self) -> int:
        """Number of faces in all pictures of a live camera so far."""
        return self._detector.faces_seen

    async def run(self, *, visits_most: int = 0) -> None:
        """Work until the camera has no more pictures.

        Args:
            visits_most: stop after so many visits since this object was made; 0 for no limit.

        Raises:
            DriverError: the camera is broken.
        """
        async with ConcurrentVisits() as concurrent:
            while not visits_most or self.visits < visits_most:
                frame = await self._devices.camera.next_frame()
                if frame is None:
                    await self._finish(concurrent)
                    return
                await self._take(frame, concurrent)

    async def process(self, frame: Frame) -> DoorDecision | None:
        """Process one frame and wait for its visits.

        Returns:
            What was decided about the first visitor, None when it shows no new visit of a face.
        """
        async with ConcurrentVisits() as concurrent:
            await self._take(frame, concurrent)
        return concurrent.first

    async def _take(self, frame: Frame, concurrent: ConcurrentVisits) -> None:
        self.frames_seen += 1
        self.last_frame = frame
        door = self._door()
        seen_at_s = self._devices.clock.monotonic()
        if frame.is_visit:
            concurrent.note(await self._look_once(frame, seen_at_s, door))
            return
        if not door.is_looking:
            self.live_view.show(frame, seen_at_s, door)
            return
        detected = await self._detector.take(frame, seen_at_s, door)
        self.live_view.show(frame, seen_at_s, door, detected.faces)
        for visitor in detected.visitors:
            await concurrent.begin(self._visit(visitor, door))
        if detected.prompts_to_look:
            await self._announcer.announce(Cue.LOOK_HERE)
        elif detected.is_empty and not concurrent.is_busy:
            await self._announcer.announce(Cue.IDLE)

    async def _finish(self, concurrent: ConcurrentVisits) -> None:
        """Decide about people still tracked when the camera ended."""
        door = self._door()
        for visitor in await self._detector.finish(door):
            await concurrent.begin(self._visit(visitor, door))

    async def _look_once(
        self, frame: Frame, seen_at_s: float, door: DoorSettings
    ) -> DoorDecision | None:
        """Decide about the main face of a picture that is a visit by itself."""
        self.live_view.show(frame, seen_at_s, door)
        sighting = None
        if door.is_looking:
            sighting = await self._recogniser.recognise(frame.image, door.face)
        if sighting is None:
            self.visits += 1
            VisitLine(frame.label).no_face(self._event_log)
            return None
        if sighting.face is not None:
            self.live_view.show(frame, seen_at_s, door, [sighting.face])
        return await self._visit(Visitor(sighting, frame, seen_at_s, sighting.face), door)

    async def _visit(self, visitor: Visitor, door: DoorSettings) -> DoorDecision:
        self.visits += 1
        sighting, frame = visitor.sighting, visitor.frame
        body = None
        if door.measures_temperature:
            body = await self._thermometer.measure(frame, visitor.face, door.temperature)
            self.live_view.measured(body, visitor.seen_at_s, works=self._thermometer.works)
        # Taken by the first visitor, known or not: a later one is another person.
        id_card = self.id_cards.take(self._devices.clock.monotonic())
        observation = Observation(
            sighting, body, visitor.seen_at_s, door, self._writer.mask_assumed, id_card
        )
        visit_line = VisitLine(frame.label, sighting.match, observation.temperature_c)
        if sighting.match is None or not seems_alive(sighting.liveness, door.rules):
            return await self._unmatched(observation, visit_line)
        return await self._pass(observation, sighting.match, visit_line)

    async def _pass(
        self, observation: Observation, match: Match, visit_line: VisitLine
    ) -> DoorDecision:
        now = self._devices.clock.now()
        body = self._writer.face_match(
            match,
            captured_at=now,
            temperature_c=observation.temperature_c,
            snapshot=observation.sighting.snapshot,
            mask=observation.mask,
            id_card=observation.id_card,
        )
        kept = await self._store(observation, now, "syface", body)
        answer, delay_ms, is_on_record = await self._ask(observation, kept)
        decision = decide(
            Facts(
                user_type=match.user_type,
                temperature_c=observation.temperature_c,
                library_age_s=self._library_age_s(),
                platform=answer,
                platform_delay_ms=delay_ms,
                has_mask=observation.counts_as_masked,
                is_expected=match.is_expected(now),
                liveness=observation.sighting.liveness,
                is_on_record=is_on_record,
            ),
            observation.door.rules,
        )
        self.decided.add(self._devices.clock.monotonic() - observation.seen_at_s)
        relay_works = await self._open(decision, observation) if decision.open_door else True
        self._uplink.wake()
        visit_line.passed(self._event_log, decision, answer, relay_works=relay_works)
        is_let_in = decision.open_door and relay_works
        await self._announcer.announce(
            cue_of(decision.reason, is_let_in=is_let_in), match=match, body=observation.body
        )
        await self._note(kept, decision, relay_works=relay_works)
        return decision

    async def _note(self, kept: VisitUpload, decision: DoorDecision, *, relay_works: bool) -> None:
        """Record the outcome; the door has moved already and does not wait for it."""
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

    async def _ask(
        self, observation: Observation, kept: VisitUpload
    ) -> tuple[PlatformAnswer, int | None, bool]:
        """Upload a pass and wait for the platform's answer, if it is asked at all.

        One that found no room on the disk is sent in any case, to be on record there.

        Returns:
            The word, the delay it comes with, and whether the pass is on record.
        """
        is_asked = asks_platform(observation.door.rules.decide)
        if not is_asked and kept.seq is not None:
            return PlatformAnswer.NOT_ASKED, None, True
        delivery = await self._deliver(kept, observation.waits_until_s)
        is_on_record = kept.is_on_record(delivery)
        if not is_asked:
            return PlatformAnswer.NOT_ASKED, None, is_on_record
        # An answer counts only while the person it is about stands at the door.
        is_late = self._devices.clock.monotonic() > observation.waits_until_s
        answer = PlatformAnswer.LATE if delivery is None or is_late else _platform_answer(delivery)
        delay_ms = None
        if delivery is not None and delivery.answer is not None and delivery.has_delay:
            delay_ms = delivery.answer.unlock_delay_ms
        return answer, delay_ms, is_on_record

    async def _deliver(self, kept: VisitUpload, until_s: float) -> UploadResult | None:
        """Upload an event now; a visitor who waits noticeably long is given a cue."""
        sending = asyncio.ensure_future(self.visit_writer.deliver(kept, until_s=until_s))
        try:
            done, _ = await asyncio.wait([sending], timeout=_WAIT_CUE_S)
            if not done:
                await self._announcer.announce(Cue.WAIT)
            return await sending
        finally:
            sending.cancel()

    async def _unmatched(self, observation: Observation, visit_line: VisitLine) -> DoorDecision:
        """Report a stranger, or a picture of a person."""
        now = self._devices.clock.now()
        match = observation.sighting.match
        facts = Facts(
            user_type=None if match is None else match.user_type,
            temperature_c=observation.temperature_c,
            has_mask=observation.counts_as_masked,
            liveness=observation.sighting.liveness,
        )
        decision = decide(facts, observation.door.rules)
        reading = self._reading(observation, now, decision)
        # What opens is not decided to its end before the door has moved.
        outcome = (
            None if decision.open_door else Outcome(is_open=False, reason=decision.reason.value)
        )
        kept = await self._store(observation, now, "syattribute", reading, outcome)
        relay_works = True
        if decision.open_door:
            decision = decide(
                replace(facts, is_on_record=kept.seq is not None), observation.door.rules
            )
            relay_works = await self._open(decision, observation) if decision.open_door else True
        self.decided.add(self._devices.clock.monotonic() - observation.seen_at_s)
        is_let_in = decision.open_door and relay_works
        if outcome is None and not is_let_in:
            closed = replace(decision, open_door=False)
            kept = await self.visit_writer.amend(kept, self._reading(observation, now, closed))
        cue = cue_of(decision.reason, is_let_in=is_let_in)
        await self._announcer.announce(cue, body=observation.body)
        await self._note(kept, decision, relay_works=relay_works)
        delivery = None
        if asks_platform(observation.door.rules.decide):
            delivery = await self.visit_writer.deliver(kept, until_s=observation.waits_until_s)
        self._uplink.wake()
        is_stored = delivery is not None and delivery.verdict is UploadVerdict.DONE
        if match is None and decision.reason is DoorReason.UNRECOGNISED:
            visit_line.stranger(self._event_log, is_stored=is_stored)
        else:
            visit_line.passed(
                self._event_log, decision, PlatformAnswer.NOT_ASKED, relay_works=relay_works
            )
        return decision

    def _reading(self, observation: Observation, now: datetime, decision: DoorDecision) -> bytes:
        """Write the upload about a stranger."""
        return self._writer.temperature(
            captured_at=now,
            temperature_c=observation.temperature_c,
            limit_c=observation.door.rules.temperature_limit_c,
            snapshot=observation.sighting.snapshot,
            mask=observation.mask,
            misses_mask=observation.mask_recorded is False,
            is_opened=decision.open_door,
            message_language=observation.door.message_language,
        )

    async def _store(
        self,
        observation: Observation,
        now: datetime,
        kind: str,
        body: bytes,
        outcome: Outcome | None = None,
    ) -> VisitUpload:
        """Put record and upload on disk, together."""
        is_pass = kind == "syface"
        visit = Visit(
            at=now,
            match=observation.sighting.match if is_pass else None,
            temperature_c=observation.temperature_c,
            temperature_limit_c=observation.door.rules.temperature_limit_c,
            has_mask=observation.mask_recorded,
            snapshot=observation.sighting.snapshot,
            outcome=outcome,
        )
        return await self.visit_writer.write(visit, kind, body)

    async def _open(self, decision: DoorDecision, observation: Observation) -> bool:
        """Pulse the relay; returns whether it moved."""
        try:
            await self._devices.relay.pulse(decision.unlock_delay_ms)
        except DriverError:
            logger.exception("relay_failed")
            return False
        self.pulsed.add(self._devices.clock.monotonic() - observation.seen_at_s)
        return True


def _platform_answer(delivery: UploadResult) -> PlatformAnswer:
    """Return what an upload result says about the door."""
    if delivery.answer is not None:
        return PlatformAnswer.OPEN if delivery.answer.open_door else PlatformAnswer.KEEP_CLOSED
    return (
        PlatformAnswer.AWAY if delivery.verdict is UploadVerdict.AWAY else PlatformAnswer.NOT_STORED
    )
