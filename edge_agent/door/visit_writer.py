"""Visit writer: stores visits on disk, and holds them in memory while the disk is full.

docs/decisions/0016-full-disk.md says why.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Final

from edge_agent.drivers import Clock
from edge_agent.storage import DiskFull, RecordLog, Visit, lightened
from edge_agent.upstream import Uplink, UploadResult, UploadVerdict

logger = logging.getLogger(__name__)

_WAITING_MOST: Final = 1000  # below 1 KB each
_AGAIN_S: Final = 2.0
_SENDING_S: Final = 15.0


@dataclass(frozen=True, slots=True, eq=False)
class VisitUpload:
    """An upload about a visit.

    Attributes:
        seq: its number in the queue; None when it found no room and is in memory only.
        kind, body: see `edge_agent.storage.events.Event`.
    """

    seq: int | None
    kind: str
    body: bytes = field(repr=False)

    def is_on_record(self, delivery: UploadResult | None) -> bool:
        """Return whether the upload is on this disk or, as far as is known, at the platform."""
        return self.seq is not None or (
            delivery is not None and delivery.verdict is UploadVerdict.DONE
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    kept: VisitUpload
    visit: Visit = field(repr=False)


class VisitWriter:
    """Store visits with their picture, without it, or as soon as there is space again.

    What waits for room is sent meanwhile, without its picture, if the platform can be reached.
    """

    def __init__(self, records: RecordLog, uplink: Uplink, clock: Clock) -> None:
        self._records = records
        self._uplink = uplink
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._storing = asyncio.Lock()
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many uploads are in memory only."""
        return len(self._waiting)

    async def write(self, visit: Visit, kind: str, body: bytes) -> VisitUpload:
        """Store a visit and queue its upload.

        Args:
            visit: what happened.
            kind, body: the upload, see `edge_agent.storage.events.Event`.
        """
        async with self._storing:
            await self._store_waiting()
            seq = None if self._waiting else await self._stored(visit, kind, body)
            kept = VisitUpload(seq, kind, body)
            if seq is None:
                light = VisitUpload(None, kind, lightened(body))
                self._waiting.append(_Waiting(light, replace(visit, snapshot=b"")))
                self._forget_oldest()
                self._wake.set()
        return kept

    async def amend(self, kept: VisitUpload, body: bytes) -> VisitUpload:
        """Say something else in an upload that was kept, because the door did not move after all.

        Args:
            kept: what `write` returned.
            body: the upload as it is right now, about the same moment and picture.
        """
        amended = replace(kept, body=body)
        async with self._storing:
            for number, one in enumerate(self._waiting):
                if one.kept.body == lightened(kept.body):
                    light = replace(one.kept, body=lightened(body))
                    self._waiting[number] = replace(one, kept=light)
        try:
            if kept.seq is not None:
                await self._records.amend(kept.seq, body)
        except (OSError, sqlite3.Error):
            # It is on disk as it was; the record says what became of the door.
            logger.exception("upload_not_amended")
        return amended

    async def deliver(self, kept: VisitUpload, *, until_s: float) -> UploadResult | None:
        """Send an upload at once; see `edge_agent.upstream.uplink.Uplink.deliver_now`."""
        if kept.seq is not None:
            return await self._uplink.deliver_now(kept.seq, until_s=until_s)
        delivery = await self._uplink.deliver_unstored(kept.kind, kept.body, until_s=until_s)
        if delivery is not None and delivery.verdict in {UploadVerdict.DONE, UploadVerdict.PARK}:
            # Told apart by the bytes: moment and picture are in them.
            light = lightened(kept.body)
            self._drop(next((one for one in self._waiting if one.kept.body == light), None))
        return delivery

    async def run(self) -> None:
        """Store visits that are in memory only, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                await self.step()
                if self._waiting:
                    await asyncio.sleep(_AGAIN_S)

    async def step(self) -> None:
        """Store waiting visits, or send the oldest of them."""
        async with self._storing:
            await self._store_waiting()
        if not self._waiting:
            return
        oldest = self._waiting[0]
        delivery = await self._uplink.deliver_unstored(
            oldest.kept.kind, oldest.kept.body, until_s=self._clock.monotonic() + _SENDING_S
        )
        if delivery is not None and delivery.verdict in {UploadVerdict.DONE, UploadVerdict.PARK}:
            self._drop(oldest)

    async def close(self) -> None:
        """Try a last time to store waiting visits; losses are logged."""
        async with self._storing:
            await self._store_waiting()
        if self._waiting:
            logger.error("visits_lost count=%s", len(self._waiting))

    async def _store_waiting(self) -> None:
        while self._waiting:
            oldest = self._waiting[0]
            seq = await self._stored(oldest.visit, oldest.kept.kind, oldest.kept.body)
            if seq is None:
                return
            self._drop(oldest)
            self._uplink.wake()

    async def _stored(self, visit: Visit, kind: str, body: bytes) -> int | None:
        """Store a visit, without its picture if necessary; None when there is no space."""
        try:
            return await self._records.keep(visit, kind, body)
        except DiskFull:
            if not visit.snapshot:
                return None
        try:
            return await self._records.keep(replace(visit, snapshot=b""), kind, lightened(body))
        except DiskFull:
            return None

    def _drop(self, one: _Waiting | None) -> None:
        # It may have found its place by the other way meanwhile.
        if one is not None and one in self._waiting:
            self._waiting.remove(one)

    def _forget_oldest(self) -> None:
        if len(self._waiting) > _WAITING_MOST:
            self._waiting.popleft()
            logger.error("visits_lost count=1")
