"""From a picture to a door: see, recognise, measure, tell, decide, open."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from edge_agent.decision import Decision, Facts, PlatformWord, asks_platform, decide
from edge_agent.door_settings import DoorSettings
from edge_agent.drivers.base import Camera, Clock, Frame, Relay, Thermometer
from edge_agent.exceptions import DriverError
from edge_agent.library import Match
from edge_agent.recogniser import Recogniser, Sighting, VisitGate
from edge_agent.records import RecordLog, Visit
from edge_agent.story import Story
from edge_agent.uplink import Delivery, Uplink, Verdict
from edge_agent.uploads import UploadWriter
from edge_agent.visit_words import VisitTale

logger = logging.getLogger(__name__)

_THERMOMETER_LIMIT_S: Final = 1.5  # the interface promises one second


@dataclass(frozen=True, slots=True)
class Devices:
    """The drivers of one door."""

    camera: Camera
    relay: Relay
    thermometer: Thermometer
    clock: Clock


@dataclass(frozen=True, slots=True)
class _Seen:
    """One visitor as far as they are known before anybody decided.

    Attributes:
        seen_at_s: moment of the monotonic clock from which a person at the door waits.
        door: the settings that hold for this visit to its end.
    """

    sighting: Sighting
    temperature_c: float | None
    seen_at_s: float
    door: DoorSettings


class Pipeline:
    """Works through visits, one after the other; settings are read anew for each."""

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
        self._door = door
        self._gate = VisitGate()
        self._library_age_s = library_age_s
        self._story = story
        self._thermometer_works = True
        self.visits = 0

    async def run(self, *, visits_most: int = 0) -> None:
        """Work until the camera has no more pictures.

        Args:
            visits_most: stop after so many visits since this object was made; 0 for no limit.

        Raises:
            DriverError: the camera is broken.
        """
        while not visits_most or self.visits < visits_most:
            frame = await self._devices.camera.next_frame()
            if frame is None:
                return
            await self.look(frame)

    async def look(self, frame: Frame) -> Decision | None:
        """Take in one frame; what was decided, None when it shows no new visit of a face."""
        door = self._door()
        seen_at_s = self._devices.clock.monotonic()
        sighting = None
        if door.is_looking:
            sighting = await self._recogniser.look(frame.image, door.looking)
        if sighting is None:
            if frame.is_visit:
                self.visits += 1
                VisitTale(frame.label).no_face(self._story)
            return None
        if not frame.is_visit and not self._gate.is_new(
            sighting.descriptor, seen_at_s, gap_s=door.visit_gap_s
        ):
            return None
        self.visits += 1
        temperature_c = await self._measure(frame) if door.measures_temperature else None
        tale = VisitTale(frame.label, sighting.match, temperature_c)
        seen = _Seen(sighting, temperature_c, seen_at_s, door)
        if sighting.match is None:
            await self._report_stranger(seen, tale)
            return decide(Facts(user_type=None), door.rules)
        return await self._pass(seen, sighting.match, tale)

    async def _pass(self, seen: _Seen, match: Match, tale: VisitTale) -> Decision:
        now = self._devices.clock.now()
        body = self._writer.face_match(
            match,
            captured_at=now,
            temperature_c=seen.temperature_c,
            snapshot=seen.sighting.snapshot,
        )
        seq = await self._keep(seen, now, "syface", body)
        until_s = seen.seen_at_s + seen.door.answer_timeout_s
        word, delay_ms = PlatformWord.NOT_ASKED, None
        if asks_platform(seen.door.rules.decide):
            delivery = await self._uplink.deliver_now(seq, until_s=until_s)
            # An answer counts only while the person it is about stands at the door.
            is_late = self._devices.clock.monotonic() > until_s
            word = PlatformWord.LATE if delivery is None or is_late else _word(delivery)
            if delivery is not None and delivery.answer is not None and delivery.has_delay:
                delay_ms = delivery.answer.unlock_delay_ms
        decision = decide(
            Facts(
                user_type=match.user_type,
                temperature_c=seen.temperature_c,
                library_age_s=self._library_age_s(),
                platform=word,
                platform_delay_ms=delay_ms,
                has_mask=self._writer.mask_assumed,
                is_expected=match.is_expected(now),
            ),
            seen.door.rules,
        )
        relay_works = await self._open(decision) if decision.open_door else True
        self._uplink.wake()
        tale.passed(self._story, decision, word, relay_works=relay_works)
        return decision

    async def _report_stranger(self, seen: _Seen, tale: VisitTale) -> None:
        now = self._devices.clock.now()
        body = self._writer.temperature(
            captured_at=now,
            temperature_c=seen.temperature_c,
            limit_c=seen.door.rules.temperature_limit_c,
            snapshot=seen.sighting.snapshot,
        )
        seq = await self._keep(seen, now, "syattribute", body)
        delivery = None
        if asks_platform(seen.door.rules.decide):
            until_s = seen.seen_at_s + seen.door.answer_timeout_s
            delivery = await self._uplink.deliver_now(seq, until_s=until_s)
        self._uplink.wake()
        is_stored = delivery is not None and delivery.verdict is Verdict.DONE
        tale.stranger(self._story, is_stored=is_stored)

    async def _keep(self, seen: _Seen, now: datetime, kind: str, body: bytes) -> int:
        """Put record and upload on disk, together; the upload's number."""
        visit = Visit(
            at=now,
            match=seen.sighting.match,
            temperature_c=seen.temperature_c,
            temperature_limit_c=seen.door.rules.temperature_limit_c,
            has_mask=self._writer.mask_assumed if seen.door.detects_masks else None,
            snapshot=seen.sighting.snapshot,
        )
        return await self._records.keep(visit, kind, body)

    async def _open(self, decision: Decision) -> bool:
        """Pulse the relay; whether it moved."""
        try:
            await self._devices.relay.pulse(decision.unlock_delay_ms)
        except DriverError:
            logger.exception("relay_failed")
            return False
        return True

    async def _measure(self, frame: Frame) -> float | None:
        """Read the temperature; a broken thermometer costs the reading, not the visit."""
        try:
            async with asyncio.timeout(_THERMOMETER_LIMIT_S):
                reading = await self._devices.thermometer.read(frame)
        except (DriverError, TimeoutError):
            if self._thermometer_works:
                logger.exception("thermometer_failed")
            self._thermometer_works = False
            return None
        if not self._thermometer_works:
            logger.info("thermometer_works")
        self._thermometer_works = True
        if reading is None or not reading.is_body:
            return None
        return round(float(reading.surface_c.max()), 2)


def _word(delivery: Delivery) -> PlatformWord:
    """What a delivery in time says about the door."""
    if delivery.answer is not None:
        return PlatformWord.OPEN if delivery.answer.open_door else PlatformWord.KEEP_CLOSED
    return PlatformWord.AWAY if delivery.verdict is Verdict.AWAY else PlatformWord.NOT_STORED
