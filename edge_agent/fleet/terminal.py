"""One light terminal: its library, its queue in memory, and its three loops."""

import asyncio
import json
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

import aiohttp

from edge_agent.backoff import Backoff, jittered
from edge_agent.drivers.clock import SystemClock
from edge_agent.fleet.statistics import Statistics
from edge_agent.platform_client import encode, retry_after_s
from terminal_protocol import (
    Ack,
    FaceMatch,
    Heartbeat,
    PassAnswer,
    ResultFeedback,
    RetCode,
    SyncAnswer,
    SyncEntry,
    TemperatureReading,
)
from terminal_protocol.messages import write_feedback

_STORED: Final = "100"
_NOT_FETCHED: Final = "102"
_WORDS: Final = {_STORED: "操作成功", _NOT_FETCHED: "图片下载失败"}
_FETCHES_AT_ONCE: Final = 2
_MISSING: Final = ("30001", "30003", "30004")  # the platform will never take it (seed 7)


@dataclass(frozen=True, slots=True)
class Habits:
    """What all terminals of a fleet do alike.

    Attributes:
        strangers: part of the visitors whom the terminal does not know, 0 to 1.
        people_most: so many different people of its library walk by at a terminal; 0 for all.
        fetches: whether pictures of the library are fetched.
        duplicates: part of the uploads that are sent twice at once, 0 to 1.
        lost_answers: part of the uploads whose connection is cut before the answer, 0 to 1.
        skew_s: how far each terminal's clock is off at most, in seconds.
    """

    heartbeat_s: float = 30.0
    sync_s: float = 10.0
    strangers: float = 0.1
    people_most: int = 0
    fetches: bool = True
    duplicates: float = 0.0
    lost_answers: float = 0.0
    skew_s: float = 0.0
    timeout_s: float = 15.0


@dataclass(slots=True)
class _Upload:
    kind: str
    body: bytes = field(repr=False)


class LightTerminal:
    """A terminal of a fleet.

    Attributes:
        held: whom it holds, with the address of their picture.
        in_step: whether its last poll found nothing new.
    """

    def __init__(
        self,
        *,
        base_url: str,
        device_id: str,
        http: aiohttp.ClientSession,
        habits: Habits,
        statistics: Statistics,
        snapshots: Sequence[bytes],
        chance: random.Random,
    ) -> None:
        self.device_id = device_id
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._habits = habits
        self._statistics = statistics
        self._snapshots = snapshots
        self._chance = chance
        self._cursor = 0
        self._queue: deque[_Upload] = deque()
        self._wake = asyncio.Event()
        self._clock = SystemClock(offset_s=chance.uniform(-habits.skew_s, habits.skew_s))
        self._fetches = asyncio.Semaphore(_FETCHES_AT_ONCE)
        self._asked_to_wait_s = 0.0
        self.held: dict[str, SyncEntry] = {}
        self.in_step = False

    @property
    def waiting(self) -> int:
        """Uploads that were not answered yet."""
        return len(self._queue)

    async def live(self, arrivals: Sequence[float], *, starts_after_s: float) -> None:
        """Be a terminal until cancelled.

        Args:
            arrivals: when somebody comes, in seconds after the start of the fleet, in order.
            starts_after_s: how long to wait, so that a fleet does not start at once.
        """
        begin_s = time.monotonic()
        await asyncio.sleep(starts_after_s)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            group.create_task(self._sync())
            group.create_task(self._send())
            for moment in arrivals:
                await asyncio.sleep(max(0.0, begin_s + moment - time.monotonic()))
                self._visit()

    async def drain(self) -> None:
        """Send what waits; returns when everything is answered."""
        while self._queue:
            await self._send_all()

    def _visit(self) -> None:
        """Somebody walks by."""
        self._statistics.told += 1
        now = self._clock.now()
        snapshot = self._snapshot()
        temperature = Decimal(str(round(self._chance.gauss(36.5, 0.2), 1)))
        known = sorted(self.held)[: self._habits.people_most or None]
        if not known or self._chance.random() < self._habits.strangers:
            reading = TemperatureReading(
                device_id=self.device_id,
                temperature_c=temperature,
                mask=False,
                captured_at=now,
                image=snapshot,
            )
            self._put("syattribute", reading.to_wire())
            return
        person = self.held[self._chance.choice(known)]
        seen = FaceMatch(
            user_id=person.user_id,
            user_name=person.user_name,
            user_type=person.user_type,
            device_id=self.device_id,
            action_code=1,
            action="进门",
            temperature_c=temperature,
            mask=False,
            captured_at=now,
            similarity=self._chance.randint(70, 95),
            image=snapshot,
        )
        self._put("syface", seen.to_wire())

    def _snapshot(self) -> bytes:
        """A picture of its own, as every one that a camera takes; a copy would be a repetition."""
        if not self._snapshots:
            return b""
        jpeg, remark = self._chance.choice(self._snapshots), self._chance.randbytes(12)
        # A comment right behind the start of the image: marker, length with itself, content.
        return jpeg[:2] + b"\xff\xfe" + (len(remark) + 2).to_bytes(2, "big") + remark + jpeg[2:]

    def _put(self, kind: str, message: dict[str, Any]) -> None:
        self._queue.append(_Upload(kind, encode(message)))
        self._wake.set()

    async def _beat(self) -> None:
        body = encode(Heartbeat(device_id=self.device_id, server_url="").to_wire())
        await asyncio.sleep(self._chance.uniform(0, self._habits.heartbeat_s))
        while True:
            await self._post("syheartbeat", body)
            await asyncio.sleep(jittered(self._habits.heartbeat_s, self._chance))

    async def _sync(self) -> None:
        while True:
            answer = await self._changes()
            if answer is not None and answer.entries:
                await self._take(answer)
                continue
            self.in_step = answer is not None
            await asyncio.sleep(jittered(self._habits.sync_s, self._chance))

    async def _changes(self) -> SyncAnswer | None:
        payload = await self._ask("GET", "syrecord", params={"lastQueryTime": str(self._cursor)})
        return SyncAnswer.from_wire(payload) if isinstance(payload, dict) else None

    async def _take(self, answer: SyncAnswer) -> None:
        """Do what a page says, report it, and only then go on from its cursor."""
        codes = await asyncio.gather(*(self._apply(entry) for entry in answer.entries))
        results = [
            ResultFeedback(entry.user_id, code, _WORDS[code])
            for entry, code in zip(answer.entries, codes, strict=True)
        ]
        self._queue.append(_Upload("syresult", encode(write_feedback(results))))
        self._wake.set()
        self._cursor = answer.last_query_time

    async def _apply(self, entry: SyncEntry) -> str:
        if entry.operation == "delete":
            self.held.pop(entry.user_id, None)
            return _STORED
        if self._habits.fetches and not await self._fetch(entry.image_url):
            return _NOT_FETCHED
        self.held[entry.user_id] = entry
        return _STORED

    async def _fetch(self, url: str) -> bool:
        begin_s = time.monotonic()
        try:
            async with self._fetches, self._http.get(url, allow_redirects=False) as response:
                content = await response.read()
                is_there = response.status == 200 and bool(content)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._statistics.errors[f"picture {type(error).__name__}"] += 1
            return False
        self._statistics.took("picture", time.monotonic() - begin_s)
        if not is_there:
            self._statistics.errors[f"picture HTTP {response.status}"] += 1
        return is_there

    async def _send(self) -> None:
        while True:
            self._wake.clear()
            await self._send_all()
            await self._wake.wait()

    async def _send_all(self) -> None:
        """Send the queue in order, each again until it is answered for."""
        pauses = Backoff(first_s=1.0, most_s=30.0, chance=self._chance)
        while self._queue:
            upload = self._queue[0]
            if self._chance.random() < self._habits.lost_answers:
                await self._post_and_cut(upload)
            if self._chance.random() < self._habits.duplicates:
                self._statistics.repeated += 1
                await self._post(upload.kind, upload.body)
            self._asked_to_wait_s = 0.0
            payload = await self._post(upload.kind, upload.body)
            ret = Ack.from_wire(payload).ret if isinstance(payload, dict) else ""
            if ret == RetCode.SUCCESS:
                self._queue.popleft()
                self._note(upload.kind, payload)
                pauses.succeeded()
                continue
            if ret in _MISSING:
                self._queue.popleft()
                continue
            self._statistics.repeated += 1
            await asyncio.sleep(max(pauses.failed(), self._asked_to_wait_s))

    def _note(self, kind: str, payload: Any) -> None:
        if kind == "syresult":
            return
        self._statistics.answered += 1
        if kind == "syface" and PassAnswer.from_wire(payload).open_door:
            self._statistics.opened += 1

    async def _post_and_cut(self, upload: _Upload) -> None:
        """Send an upload and hang up before the answer; the platform may have it, or not."""
        self._statistics.repeated += 1
        try:
            async with asyncio.timeout(self._chance.uniform(0.0, 0.05)):
                await self._post(upload.kind, upload.body)
        except TimeoutError:
            return

    async def _post(self, kind: str, body: bytes) -> Any:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await self._ask("POST", kind, data=body, headers=headers)

    async def _ask(self, method: str, kind: str, **rest: Any) -> Any:
        """Send a request; the JSON of its answer, None when it is none worth believing."""
        url = f"{self._base_url}/{kind}/{quote(self.device_id, safe='')}"
        begin_s = time.monotonic()
        try:
            async with self._http.request(method, url, allow_redirects=False, **rest) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._statistics.errors[f"{kind} {type(error).__name__}"] += 1
            return None
        self._statistics.took(kind, time.monotonic() - begin_s)
        if response.status != 200:
            self._statistics.errors[f"{kind} HTTP {response.status}"] += 1
            if method == "POST":
                self._asked_to_wait_s = retry_after_s(response.headers.get("Retry-After", "")) or 0
            return None
        try:
            payload = json.loads(content)
        except ValueError:
            self._statistics.errors[f"{kind} not JSON"] += 1
            return None
        if isinstance(payload, dict) and "ret" in payload and str(payload["ret"]) != "0":
            self._statistics.errors[f"{kind} ret {payload['ret']}"[:60]] += 1
        return payload
