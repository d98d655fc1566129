"""Lightweight simulated terminal: its library, its queue in memory, and its three loops."""

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

from edge_agent.drivers.clock import Backoff, SystemClock, jittered
from edge_agent.storage.events import encode
from edge_agent.upstream.platform_client import retry_after_s
from fleet.behaviour import TerminalBehaviour
from fleet.statistics import Statistics
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
    write_feedback,
)

_STORED: Final = "100"
_NOT_FETCHED: Final = "102"
_WORDS: Final = {_STORED: "操作成功", _NOT_FETCHED: "图片下载失败"}
_FETCHES_AT_ONCE: Final = 2
# As edge_agent does: a second try soon, later ones by itself, and what it says stays 102 meanwhile.
_FETCH_TRIES: Final = 2
_FETCH_PAUSE_S: Final = 0.5
_NEVER: Final = ("30001", "30003", "30004")  # the platform will never take it (seed 7)
_ABOUT_THE_TERMINAL: Final = "1000"  # codes 10001 to 10005: an administrator has to act first
_POLL_AGAIN_MOST_S: Final = 300.0


@dataclass(slots=True)
class _Upload:
    kind: str
    body: bytes = field(repr=False)


class _Queue:
    """Queue of uploads in order, each kept until it is acknowledged."""

    def __init__(self) -> None:
        self.uploads: deque[_Upload] = deque()
        self.wake = asyncio.Event()


@dataclass(frozen=True, slots=True)
class _Reply:
    """Parsed JSON answer, None when it is invalid, and the requested pause."""

    payload: Any = None
    wait_s: float = 0.0


@dataclass(slots=True)
class _Missing:
    """A missing picture, its number of tries, and the time of the next one."""

    entry: SyncEntry
    tries: int
    due_s: float


class LightTerminal:
    """A terminal of a fleet.

    Attributes:
        held: people it holds, with the address of their picture.
        in_step: whether its last poll found nothing new.
    """

    def __init__(
        self,
        *,
        base_url: str,
        device_id: str,
        http: aiohttp.ClientSession,
        behaviour: TerminalBehaviour,
        statistics: Statistics,
        snapshots: Sequence[bytes],
        rng: random.Random,
        begun: SyncAnswer | None = None,
    ) -> None:
        """Prepare a terminal.

        Args:
            base_url: of its site.
            device_id: its name.
            http: by which it talks, shared.
            behaviour: what it does.
            statistics: what happens is noted here.
            snapshots: JPEGs that are sent along.
            rng: of its own.
            begun: what it holds from the beginning; None for a new one, which asks from zero.
        """
        self.device_id = device_id
        self._base_url = base_url.rstrip("/")
        self._http = http
        self._behaviour = behaviour
        self._statistics = statistics
        self._snapshots = snapshots
        self._rng = rng
        self._cursor = begun.last_query_time if begun else 0
        # A visitor at the door does not wait for other messages.
        self._at_door, self._rest = _Queue(), _Queue()
        self._clock = SystemClock(offset_s=rng.uniform(-behaviour.skew_s, behaviour.skew_s))
        self._fetches = asyncio.Semaphore(_FETCHES_AT_ONCE)
        self._tells_singly = rng.random() < behaviour.single_results
        self._missing: dict[str, _Missing] = {}
        self.held = {entry.user_id: entry for entry in begun.entries} if begun else {}
        self.in_step = False

    @property
    def waiting(self) -> int:
        """Uploads that were not answered yet."""
        return len(self._at_door.uploads) + len(self._rest.uploads)

    async def live(self, arrivals: Sequence[float], *, starts_after_s: float) -> None:
        """Be a terminal until cancelled.

        Args:
            arrivals: when people come, in seconds after the start of the fleet, in order.
            starts_after_s: how long to wait, so that a fleet does not start at once.
        """
        begin_s = time.monotonic()
        await asyncio.sleep(starts_after_s)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send_heartbeat())
            group.create_task(self._sync())
            group.create_task(self._send(self._at_door))
            group.create_task(self._send(self._rest))
            for moment in arrivals:
                await asyncio.sleep(max(0.0, begin_s + moment - time.monotonic()))
                self._visit()

    async def drain(self) -> None:
        """Send the queue; returns when everything is acknowledged."""
        await asyncio.gather(self._send_all(self._at_door), self._send_all(self._rest))

    def _visit(self) -> None:
        """Simulate one visit."""
        self._statistics.visits += 1
        now = self._clock.now()
        snapshot = self._snapshot()
        temperature = Decimal(str(round(self._rng.gauss(36.5, 0.2), 1)))
        known = sorted(self.held)[: self._behaviour.people_most or None]
        if not known or self._rng.random() < self._behaviour.strangers:
            reading = TemperatureReading(
                device_id=self.device_id,
                temperature_c=temperature,
                mask=False,
                captured_at=now,
                image=snapshot,
            )
            self._put("syattribute", reading.to_wire())
            return
        person = self.held[self._rng.choice(known)]
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
            similarity=self._rng.randint(70, 95),
            image=snapshot,
        )
        self._put("syface", seen.to_wire())

    def _snapshot(self) -> bytes:
        """Return a snapshot with unique bytes; an identical one would count as a repetition."""
        if not self._snapshots:
            return b""
        jpeg, remark = self._rng.choice(self._snapshots), self._rng.randbytes(12)
        # A comment right behind the start of the image: marker, length with itself, content.
        return jpeg[:2] + b"\xff\xfe" + (len(remark) + 2).to_bytes(2, "big") + remark + jpeg[2:]

    def _put(self, kind: str, message: dict[str, Any]) -> None:
        queue = self._at_door if kind == "syface" else self._rest
        queue.uploads.append(_Upload(kind, encode(message)))
        queue.wake.set()

    async def _send_heartbeat(self) -> None:
        body = encode(Heartbeat(self.device_id, self._base_url).to_wire())
        await asyncio.sleep(self._rng.uniform(0, self._behaviour.heartbeat_s))
        while True:
            reply = await self._post("syheartbeat", body)
            pause_s = jittered(self._behaviour.heartbeat_s, self._rng)
            await asyncio.sleep(max(pause_s, reply.wait_s))

    async def _sync(self) -> None:
        every_s = self._behaviour.sync_s
        pauses = Backoff(first_s=every_s, most_s=_POLL_AGAIN_MOST_S, rng=self._rng)
        while True:
            answer, wait_s = await self._changes()
            if answer is None:
                self.in_step = False
                await asyncio.sleep(max(pauses.failed(), wait_s))
                continue
            pauses.succeeded()
            asked = self._cursor
            if answer.entries:
                await self._take(answer)
            self._cursor = answer.last_query_time
            # A platform that repeats the cursor it was asked with would be asked for ever.
            if answer.entries and answer.last_query_time != asked:
                continue
            await self._fetch_missing()
            self.in_step = not answer.entries
            await asyncio.sleep(jittered(every_s, self._rng))

    async def _changes(self) -> tuple[SyncAnswer | None, float]:
        params = {"lastQueryTime": str(self._cursor)}
        reply = await self._ask("GET", "syrecord", params=params)
        is_answer = isinstance(reply.payload, dict)
        return SyncAnswer.from_wire(reply.payload) if is_answer else None, reply.wait_s

    async def _take(self, answer: SyncAnswer) -> None:
        """Apply a page and report it before the cursor moves on."""
        # What counts is the last word about a person; earlier ones are outdated already.
        latest = list({entry.user_id: entry for entry in answer.entries}.values())
        codes = await asyncio.gather(*(self._apply(entry) for entry in latest))
        self._report(
            [
                ResultFeedback(entry.user_id, code, _WORDS[code])
                for entry, code in zip(latest, codes, strict=True)
            ]
        )

    def _report(self, results: Sequence[ResultFeedback]) -> None:
        parts = [[one] for one in results] if self._tells_singly else [list(results)]
        for part in parts:
            self._put("syresult", write_feedback(part))

    async def _apply(self, entry: SyncEntry) -> str:
        self._missing.pop(entry.user_id, None)
        if entry.operation == "delete":
            self.held.pop(entry.user_id, None)
            return _STORED
        if self._behaviour.fetches and not await self._fetch(entry.image_url):
            self._miss(_Missing(entry, tries=0, due_s=0.0))
            return _NOT_FETCHED
        self.held[entry.user_id] = entry
        return _STORED

    def _miss(self, missing: _Missing) -> None:
        """Note a missing picture until it has been tried often enough."""
        pauses_s = self._behaviour.picture_again_s
        if missing.tries < len(pauses_s):
            missing.due_s = time.monotonic() + pauses_s[missing.tries]
            missing.tries += 1
            self._missing[missing.entry.user_id] = missing

    async def _fetch_missing(self) -> None:
        """Try pictures again that did not come; report those that come now."""
        now_s = time.monotonic()
        for missing in [one for one in self._missing.values() if one.due_s <= now_s]:
            entry = missing.entry
            del self._missing[entry.user_id]
            if await self._fetch(entry.image_url):
                self._statistics.fetched_late += 1
                self.held[entry.user_id] = entry
                self._report([ResultFeedback(entry.user_id, _STORED, _WORDS[_STORED])])
            else:
                self._miss(missing)

    async def _fetch(self, url: str) -> bool:
        """Fetch a picture, a second time after a pause when the platform is busy or away."""
        async with self._fetches:
            for attempt in range(_FETCH_TRIES):
                if attempt:
                    await asyncio.sleep(jittered(_FETCH_PAUSE_S, self._rng))
                is_there, may_help = await self._fetch_once(url)
                if is_there or not may_help:
                    return is_there
        return False

    async def _fetch_once(self, url: str) -> tuple[bool, bool]:
        """Fetch a picture; returns whether it came, and whether a retry may help."""
        self._statistics.asked["picture"] += 1
        begin_s = time.monotonic()
        try:
            async with self._http.get(url, allow_redirects=False) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self._statistics.failed("picture", type(error).__name__)
            return False, not isinstance(error, ValueError)
        if response.status != 200 or not content:
            self._statistics.failed("picture", f"HTTP {response.status}")
            return False, response.status >= 500
        self._statistics.took("picture", time.monotonic() - begin_s)
        return True, False

    async def _send(self, queue: _Queue) -> None:
        while True:
            queue.wake.clear()
            await self._send_all(queue)
            await queue.wake.wait()

    async def _send_all(self, queue: _Queue) -> None:
        """Send a queue in order, repeating each upload until it is acknowledged."""
        pauses = Backoff(first_s=1.0, most_s=30.0, rng=self._rng)
        unwanted = Backoff(first_s=30.0, most_s=600.0, rng=self._rng)
        while queue.uploads:
            upload = queue.uploads[0]
            if self._rng.random() < self._behaviour.lost_answers:
                await self._post_and_cut(upload)
            if self._rng.random() < self._behaviour.duplicates:
                self._statistics.repeated += 1
                await self._post(upload.kind, upload.body)
            reply = await self._post(upload.kind, upload.body)
            ret = Ack.from_wire(reply.payload).ret if isinstance(reply.payload, dict) else ""
            if ret == RetCode.SUCCESS or ret in _NEVER:
                queue.uploads.popleft()
                self._note(upload.kind, ret, reply.payload)
                pauses.succeeded()
                unwanted.succeeded()
                continue
            self._statistics.repeated += 1
            pause = unwanted if ret.startswith(_ABOUT_THE_TERMINAL) else pauses
            await asyncio.sleep(max(pause.failed(), reply.wait_s))

    def _note(self, kind: str, ret: str, payload: Any) -> None:
        if kind == "syresult":
            return
        if ret != RetCode.SUCCESS:
            self._statistics.dropped += 1
            return
        self._statistics.answered += 1
        if kind == "syface" and PassAnswer.from_wire(payload).open_door:
            self._statistics.opened += 1

    async def _post_and_cut(self, upload: _Upload) -> None:
        """Send an upload and disconnect before the answer, so that it may or may not be stored."""
        self._statistics.repeated += 1
        try:
            async with asyncio.timeout(self._rng.uniform(0.0, 0.05)):
                await self._post(upload.kind, upload.body)
        except TimeoutError:
            return

    async def _post(self, kind: str, body: bytes) -> _Reply:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return await self._ask("POST", kind, data=body, headers=headers)

    async def _ask(self, method: str, kind: str, **rest: Any) -> _Reply:
        url = f"{self._base_url}/{kind}/{quote(self.device_id, safe='')}"
        self._statistics.asked[kind] += 1
        begin_s = time.monotonic()
        try:
            async with self._http.request(method, url, allow_redirects=False, **rest) as response:
                content = await response.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            self._statistics.failed(kind, type(error).__name__)
            return _Reply()
        if response.status != 200:
            self._statistics.failed(kind, f"HTTP {response.status}")
            return _Reply(None, retry_after_s(response.headers.get("Retry-After", "")) or 0.0)
        self._statistics.took(kind, time.monotonic() - begin_s)
        try:
            payload = json.loads(content)
        except ValueError:
            self._statistics.failed(kind, "not JSON")
            return _Reply()
        if isinstance(payload, dict) and "ret" in payload and str(payload["ret"]) != "0":
            self._statistics.failed(kind, f"ret {payload['ret']}"[:40])
        return _Reply(payload)
