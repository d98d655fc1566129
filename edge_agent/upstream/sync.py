"""Synchronisation of the terminal's people with the platform's library (seed 9.1 and 9.4)."""

import asyncio
import hashlib
import logging
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from edge_agent.drivers import Backoff, Clock, EventLog, jittered
from edge_agent.recognition import PictureProblem, Recogniser
from edge_agent.storage import Change, DeletePerson, DiskFull, Face, SavePerson, Store, encode
from edge_agent.upstream.platform_client import PlatformClient, problem_of
from edge_agent.upstream.uplink import Uplink
from terminal_protocol import ResultFeedback, SyncEntry, write_feedback

logger = logging.getLogger(__name__)

# People are prepared and written in pieces, so that a library without pages fits into memory.
_BATCH: Final = 50
_TRIES: Final = 2
_PAUSE_BETWEEN_TRIES_S: Final = 0.5
# A picture that could not be fetched is tried again by itself after these pauses, then given up.
_PICTURE_AGAIN_S: Final = (30.0, 120.0, 600.0, 3600.0, 6 * 3600.0, 24 * 3600.0)
_POLL_AGAIN_MOST_S: Final = 300.0
_PAGES_MOST: Final = 100_000  # a platform whose pages never end must not keep the loop for ever
_NOTE_EVERY: Final = timedelta(minutes=5)  # writing every poll down would wear a memory card out


class StoreCode(StrEnum):
    """``status`` of syresult. The seed fixes 100; the others are ours (docs/edge-agent.md)."""

    STORED = "100"
    NO_FACE = "101"
    NOT_FETCHED = "102"
    NOT_A_PICTURE = "103"
    FULL = "104"
    NO_PICTURE = "105"
    FAILED = "106"


_WORDS: Final = {
    StoreCode.STORED: "操作成功",
    StoreCode.NO_FACE: "图片中未检测到人脸",
    StoreCode.NOT_FETCHED: "图片下载失败",
    StoreCode.NOT_A_PICTURE: "图片格式不合格",
    StoreCode.FULL: "人脸库已满",
    StoreCode.NO_PICTURE: "缺少图片地址",
    StoreCode.FAILED: "处理失败",
}


@dataclass(frozen=True, slots=True)
class SyncLimits:
    """See `edge_agent.config.AgentConfig`."""

    interval_s: float
    picture_max_bytes: int
    picture_parallel: int
    people_max: int


@dataclass(frozen=True, slots=True)
class _Prepared:
    """Change to write for one entry, and its result code."""

    user_id: str
    change: Change | None
    code: StoreCode

    @property
    def feedback(self) -> ResultFeedback:
        return ResultFeedback(self.user_id, self.code.value, _WORDS[self.code])


@dataclass(slots=True)
class _Tally:
    saved: int = 0
    deleted: int = 0
    failed: int = 0

    def add(self, prepared: Sequence[_Prepared]) -> None:
        for one in prepared:
            if one.code is not StoreCode.STORED:
                self.failed += 1
            elif isinstance(one.change, DeletePerson):
                self.deleted += 1
            else:
                self.saved += 1


class LibrarySync:
    """Poll, fetch pictures, compute descriptors, store and report, until cancelled.

    Attributes:
        first_round_done: set after the first poll, whatever came of it.
    """

    def __init__(
        self,
        *,
        store: Store,
        recogniser: Recogniser,
        client: PlatformClient,
        uplink: Uplink,
        clock: Clock,
        event_log: EventLog,
        limits: SyncLimits,
        rng: random.Random,
    ) -> None:
        self._store = store
        self._recogniser = recogniser
        self._client = client
        self._uplink = uplink
        self._clock = clock
        self._event_log = event_log
        self._limits = limits
        self._rng = rng
        self._backoff = Backoff(first_s=limits.interval_s, most_s=_POLL_AGAIN_MOST_S, rng=rng)
        self._fetching = asyncio.Semaphore(limits.picture_parallel)
        # The models look at one picture at a time, in the order of asking; asking for one after
        # the other leaves a visitor to wait for one picture, not for a whole piece.
        self._describing = asyncio.Lock()
        self._synced_at: datetime | None = None
        self._noted_at: datetime | None = None
        self._problem: str | None = None
        self._faces = 0
        self._is_rebuilt = False
        self._asked = asyncio.Event()
        self.first_round_done = asyncio.Event()

    def library_age_s(self) -> float | None:
        """Seconds since the library was last known to be complete; None when it never was."""
        if self._synced_at is None:
            return None
        return (self._clock.now() - self._synced_at).total_seconds()

    async def load(self) -> int:
        """Load all people of the store into the recogniser; returns how many can be recognised."""
        self._synced_at = await self._store.synced_at()
        async with self._store.changing:
            held = await self._store.held(self._recogniser.dimension)
            self._faces = await self._recogniser.hold(held)
        return self._faces

    def note_rebuilt(self) -> None:
        """Learn that the store was damaged: ask for all people, and hold exactly those then."""
        self._is_rebuilt = True
        self.poll_soon()

    async def run(self) -> None:
        """Synchronise until cancelled."""
        await self.load()
        await self.redescribe()
        while True:
            try:
                is_reached = await self.round()
            except DiskFull:
                is_reached = False  # the database tells it; nothing was taken in
            self.first_round_done.set()
            if is_reached:
                self._backoff.succeeded()
                await self._pause(jittered(self._limits.interval_s, self._rng))
            else:
                await self._pause(self._backoff.failed())

    def poll_soon(self) -> None:
        """Ask the platform now instead of at the next interval."""
        self._asked.set()

    async def _pause(self, pause_s: float) -> None:
        try:
            async with asyncio.timeout(pause_s):
                await self._asked.wait()
        except TimeoutError:
            return
        self._asked.clear()

    async def round(self) -> bool:
        """Poll until there is nothing new; whether the platform answered to the end."""
        tally = _Tally()
        is_complete = await self._follow_pages(tally)
        if is_complete and self._is_rebuilt:
            self._is_rebuilt = False
            await self.load()
            await self.redescribe()
        await self._fetch_missing(tally)
        if tally.saved or tally.deleted or tally.failed:
            self._event_log.write(
                "sync",
                f"library: {tally.saved} stored, {tally.deleted} deleted, {tally.failed} failed"
                f" → {self._faces} people can be recognised",
                saved=tally.saved,
                deleted=tally.deleted,
                failed=tally.failed,
                held=self._faces,
            )
        return is_complete

    async def redescribe(self) -> None:
        """Recompute descriptors that another model made."""
        while True:
            # Held all along: a person deleted meanwhile must not come back.
            async with self._store.changing:
                outdated = await self._store.outdated(self._recogniser.contract_id, _BATCH)
                changes = [await self._redescribed(*one) for one in outdated]
                applied = await self._store.apply(changes, at=self._clock.now())
                self._faces = await self._recogniser.follow(applied)
            if not outdated:
                return

    async def _redescribed(self, person: SavePerson, picture: bytes) -> SavePerson:
        if not picture:  # damaged, so it is fetched again
            return replace(person, drops_face=True, due_at=self._clock.now())
        return (await self._described(person, picture))[0]

    async def _follow_pages(self, tally: _Tally) -> bool:
        for _ in range(_PAGES_MOST):
            cursor = await self._store.cursor()
            page, reply = await self._client.changes(cursor)
            if page is None:
                self._note_problem(problem_of(reply))
                return False
            self._note_problem("")
            if page.entries:
                await self._apply_page(page.entries, (cursor, page.last_query_time), tally)
            elif page.last_query_time != cursor:
                await self._apply([], move=(cursor, page.last_query_time))
            # A platform that repeats the cursor it was asked with would be asked for ever.
            if not page.entries or page.last_query_time == cursor:
                await self._sweep(page.last_query_time)
                await self._note_synced()
                return True
        return True

    async def _apply_page(
        self, entries: Sequence[SyncEntry], move: tuple[int, int], tally: _Tally
    ) -> None:
        """Apply a page in batches; the cursor moves (from, to) with the last one."""
        # What counts is the last word about a person; earlier ones are outdated already.
        latest = list({entry.user_id: entry for entry in entries}.values())
        for start in range(0, len(latest), _BATCH):
            piece = latest[start : start + _BATCH]
            is_last = start + _BATCH >= len(latest)
            refused = await self._too_many(piece)
            prepared = await self._prepare_all(piece, refused)
            tally.add(prepared)
            await self._apply(
                [one.change for one in prepared if one.change is not None],
                move=move if is_last else None,
                feedback=[one.feedback for one in prepared],
            )

    async def _prepare_all(
        self, piece: Sequence[SyncEntry], refused: frozenset[str]
    ) -> list[_Prepared]:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._prepare(entry, is_refused=entry.user_id in refused))
                for entry in piece
            ]
        return [task.result() for task in tasks]

    async def _prepare(self, entry: SyncEntry, *, is_refused: bool) -> _Prepared:
        user_id = entry.user_id
        if entry.operation == "delete":
            return _Prepared(user_id, DeletePerson(user_id), StoreCode.STORED)
        if is_refused:
            return _Prepared(user_id, None, StoreCode.FULL)
        person = SavePerson(user_id, entry.user_name, entry.user_type, entry.image_url)
        if not entry.image_url:
            # Without a picture at the platform there must be no face here either.
            gone = replace(person, drops_face=True)
            return _Prepared(user_id, gone, StoreCode.NO_PICTURE)
        try:
            return await self._with_picture(person)
        except sqlite3.Error:
            raise  # the store is in trouble, not this person
        except Exception:
            # The border of a task: one person must not hold up the library for ever.
            logger.exception("person_failed")
            return _Prepared(user_id, None, StoreCode.FAILED)

    async def _with_picture(self, person: SavePerson) -> _Prepared:
        """Fetch and describe a person's picture. One that does not come leaves the old face."""
        async with self._fetching:
            content, is_away = await self._fetch(person.picture_url)
        if content is None:
            attempts = person.attempts + 1
            again = is_away and attempts <= len(_PICTURE_AGAIN_S)
            pause_s = _PICTURE_AGAIN_S[attempts - 1] if again else 0.0
            due_at = self._clock.now() + timedelta(seconds=pause_s) if again else None
            change = replace(person, attempts=attempts, due_at=due_at)
            return _Prepared(person.user_id, change, StoreCode.NOT_FETCHED)
        person = replace(person, attempts=0)
        digest = hashlib.sha256(content).hexdigest()
        if digest == await self._store.digest(person.user_id, self._recogniser.contract_id):
            return _Prepared(person.user_id, person, StoreCode.STORED)
        change, code = await self._described(person, content)
        return _Prepared(person.user_id, change, code)

    async def _fetch(self, url: str) -> tuple[bytes | None, bool]:
        """Fetch a picture; the file or None, and whether another try may help."""
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(jittered(_PAUSE_BETWEEN_TRIES_S, self._rng))
            picture = await self._client.picture(url, max_bytes=self._limits.picture_max_bytes)
            if picture.content is not None or not picture.is_away:
                return picture.content, False
        return None, True

    async def _described(self, person: SavePerson, picture: bytes) -> tuple[SavePerson, StoreCode]:
        """Compute the face of a picture. One without a face drops the old face, too."""
        most = self._limits.picture_max_bytes
        async with self._describing:
            found = await self._recogniser.describe(picture, max_bytes=most)
        if isinstance(found, PictureProblem):
            is_seen = found is PictureProblem.NO_FACE
            code = StoreCode.NO_FACE if is_seen else StoreCode.NOT_A_PICTURE
            return replace(person, drops_face=True), code
        face = Face(
            picture=picture,
            sha256=hashlib.sha256(picture).hexdigest(),
            descriptor=found,
            contract_id=self._recogniser.contract_id,
        )
        return replace(person, face=face), StoreCode.STORED

    async def _fetch_missing(self, tally: _Tally) -> None:
        """Retry missing pictures; only final results are reported."""
        missing = await self._store.missing_pictures(self._clock.now(), _BATCH)
        if not missing:
            return
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._with_picture(person)) for person in missing]
        prepared = [task.result() for task in tasks]
        settled = [one for one in prepared if one.code is not StoreCode.NOT_FETCHED]
        tally.add(settled)
        await self._apply(
            [one.change for one in prepared if one.change is not None],
            feedback=[one.feedback for one in settled],
        )

    async def _too_many(self, piece: Sequence[SyncEntry]) -> frozenset[str]:
        """Return the ids of a batch for whom the terminal has no capacity left."""
        saved = [entry.user_id for entry in piece if entry.operation == "save"]
        count, known = await self._store.known(saved)
        room = max(0, self._limits.people_max - count)
        newcomers = [user_id for user_id in saved if user_id not in known]
        return frozenset(newcomers[room:])

    async def _apply(
        self,
        changes: Sequence[Change],
        *,
        move: tuple[int, int] | None = None,
        feedback: Sequence[ResultFeedback] = (),
    ) -> None:
        report = encode(write_feedback(list(feedback))) if feedback else None
        asked_with, cursor = move or (None, None)
        async with self._store.changing:
            applied = await self._store.apply(
                changes, at=self._clock.now(), cursor=cursor, asked_with=asked_with, report=report
            )
            self._faces = await self._recogniser.follow(applied)
        if report is not None:
            self._uplink.wake()

    async def _sweep(self, cursor: int) -> None:
        async with self._store.changing:
            self._faces = await self._recogniser.follow(await self._store.sweep(cursor))

    async def _note_synced(self) -> None:
        now = self._clock.now()
        self._synced_at = now
        if self._noted_at is None or abs(now - self._noted_at) >= _NOTE_EVERY:
            self._noted_at = now
            await self._store.note_moment("synced_at", now)

    def _note_problem(self, problem: str) -> None:
        """Log when the platform stops or begins to answer polls."""
        if self._problem is None or bool(problem) != bool(self._problem):
            if problem:
                line = f"library: the platform gives no changes ({problem})"
            else:
                line = f"library: in touch with the platform, {self._faces} people so far"
            self._event_log.write("sync_state", line, is_reached=not problem, problem=problem)
        self._problem = problem
