"""Whatever is recorded, held back, reordered and repeated: the relay moves once for one signature.

The gatekeeper, the marks, the clock and the file are the terminal's own; only time is made up. An
attacker holds every signature that anybody made, and puts it before any call at any time. What the
terminal does is compared with nothing but the two statements that must hold.
"""

import asyncio
import os
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from edge_agent.api.accepted_calls import AcceptedCalls, SignatureUse
from edge_agent.api.answers import CallRefused
from edge_agent.api.auth import Authenticator
from edge_agent.api.terminal_time import TerminalTime
from edge_agent.config import ApiConfig
from edge_agent.config.sections import Replay
from edge_agent.drivers.clock import SystemClock
from edge_agent.storage.database import Database
from terminal_protocol.signature import sign
from tests.support.edge.damages import DAMAGES, damage

PASSWORD = "door-7788"
BEGINS = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE_MS = 60_000
EXAMPLES = int(os.environ.get("MENJIN_REPLAY_EXAMPLES", "60"))


class World:
    """True time, which only passes."""

    def __init__(self) -> None:
        self.passed_s = 0.0

    def now_ms(self) -> int:
        return int((BEGINS + timedelta(seconds=self.passed_s)).timestamp() * 1000)


class WorldClock(SystemClock):
    """A computer's clock that may be wrong, in a world where time passes when it is told to."""

    def __init__(self, world: World, wrong_s: float) -> None:
        super().__init__()
        self._world = world
        self.wrong_s = wrong_s

    def _computers(self) -> datetime:
        return BEGINS + timedelta(seconds=self._world.passed_s + self.wrong_s)

    def now(self) -> datetime:
        return self._computers() + timedelta(seconds=self.offset_s)

    def set(self, moment: datetime) -> None:
        self.move((moment - self._computers()).total_seconds())

    def monotonic(self) -> float:
        return 1000.0 + self._world.passed_s


@dataclass
class Door:
    """The terminal's own way from a signature to the relay.

    Attributes:
        opened: how often for each timestamp.
        opened_at: timestamp and true time of each opening.
        is_proved: whether a call was accepted as soon as it was signed, since the last start.
    """

    path: Path
    config: ApiConfig
    world: World
    wrong_s: float = 0.0
    opened: Counter[int] = field(default_factory=Counter)
    opened_late: list[float] = field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    is_proved: bool = False

    async def start(self) -> None:
        self.clock = WorldClock(self.world, self.wrong_s)
        self.database = Database(self.path)
        await self.database.open()
        self.time = TerminalTime(self.clock, self.database)
        await self.time.load()
        self.authenticator = Authenticator(self.config, clock=self.clock, time=self.time)
        self.calls = AcceptedCalls(self.config, self.database, clock=self.clock)
        self.is_proved = False

    async def stop(self) -> None:
        await self.database.checkpoint()
        await self.database.close()

    async def take(self, stamp: int, call: str, *, shouts: bool) -> None:
        signature = sign(stamp, PASSWORD)
        parameters = {
            "timestamp": str(stamp),
            "sign": signature.upper() if shouts else signature,
        }
        use = {"open": SignatureUse.ACTS, "syncTime": SignatureUse.SETS_CLOCK}.get(
            call, SignatureUse.READS
        )
        try:
            checked = self.authenticator.check(
                parameters, has_window=use is not SignatureUse.SETS_CLOCK
            )
            await self.calls.accept(checked, use)
        except CallRefused:
            self.refused += 1
            return
        self.accepted += 1
        late_ms = self.world.now_ms() - stamp
        if use is SignatureUse.SETS_CLOCK:
            await self.time.set_to(checked)
        if use is SignatureUse.ACTS:
            self.opened[stamp] += 1
            if self.is_proved:
                self.opened_late.append(late_ms / MINUTE_MS)
        self.is_proved = self.is_proved or 0 <= late_ms <= MINUTE_MS


seconds = st.one_of(
    *(st.floats(0, 2), st.floats(0, 2), st.floats(0, 400)),
    *(st.floats(0, 8 * 3600), st.floats(0, 40 * 86_400)),
)
# What a caller means and what arrives at once; everything that was signed, the attacker has.
meant = st.tuples(
    st.just("call"),
    st.tuples(
        st.sampled_from(["open", "syncTime", "information"]),
        st.integers(-MINUTE_MS, 0),
        st.booleans(),
    ),
)
signed = st.tuples(st.just("sign"), st.integers(-MINUTE_MS, 0))
meant_truly = st.tuples(
    st.just("call"),
    st.tuples(
        st.sampled_from(["open", "syncTime", "information"]),
        st.integers(-MINUTE_MS, 0),
        st.just(False),
    ),
)
signed_by_its_clock = st.tuples(st.just("adopt"), st.integers(-2000, 2000))
delivered = st.tuples(
    st.just("deliver"),
    st.tuples(
        st.integers(-8, 30),
        st.sampled_from(["open", "open", "syncTime", "syncTime", "information"]),
        st.booleans(),
    ),
)
passed = st.tuples(st.just("pass"), seconds)
stepped = st.tuples(st.just("step"), st.floats(-30 * 86_400, 30 * 86_400))
restarted = st.tuples(st.just("restart"), st.none())
spoilt = st.tuples(
    st.just("spoil"), st.tuples(st.sampled_from([*DAMAGES, "all"]), st.integers(0, 99))
)
begins_wrong = st.one_of(st.just(0.0), st.floats(-200, 200), st.floats(-90 * 86_400, 90 * 86_400))

Step = tuple[str, object]


async def play(door: Door, steps: list[Step]) -> None:
    recorded: list[int] = []
    await door.start()
    for what, how in steps:
        match what, how:
            case "sign", int(early_ms):
                recorded.append(door.world.now_ms() + early_ms)
            case "adopt", int(early_ms):
                recorded.append(door.time.now_ms() + early_ms)
            case "call", (str(call), int(early_ms), bool(by_its_clock)):
                now_ms = door.time.now_ms() if by_its_clock else door.world.now_ms()
                recorded.append(now_ms + early_ms)
                await door.take(recorded[-1], call, shouts=False)
            case "deliver", (int(number), str(call), bool(shouts)):
                if recorded:
                    await door.take(recorded[number % len(recorded)], call, shouts=shouts)
            case "pass", float(length_s):
                door.world.passed_s += length_s
            case "step", float(by_s):
                door.wrong_s += by_s
                door.clock.wrong_s = door.wrong_s
            case "restart", _:
                await door.stop()
                await door.start()
            case "spoil", (str(kind), int(seed)):
                await door.stop()
                await asyncio.to_thread(spoil, door.path, kind, seed)
                await door.start()
    await door.stop()


def spoil(path: Path, kind: str, seed: int) -> None:
    if kind == "all":
        path.write_bytes(random.Random(seed).randbytes(path.stat().st_size))
    else:
        damage(path, kind, seed)


def played(steps: list[Step], *, wrong_s: float, replay: Replay = Replay.REFUSE) -> Door:
    with tempfile.TemporaryDirectory() as folder:
        config = ApiConfig(password=PASSWORD, replay=replay, upper_case_signatures=True)
        door = Door(Path(folder) / "agent.sqlite3", config, World(), wrong_s)
        asyncio.run(play(door, steps))
    return door


def tell(door: Door) -> None:
    """Have the statistics show how much the sequences reach."""
    event(f"accepted: {'none' if not door.accepted else 'few' if door.accepted < 5 else 'many'}")
    event(f"doors opened: {min(len(door.opened), 3)}")


@settings(max_examples=EXAMPLES)
@given(
    wrong_s=begins_wrong,
    steps=st.lists(
        st.one_of(
            *(meant, meant, meant, signed, delivered, delivered, delivered, delivered),
            *(passed, passed, signed_by_its_clock, stepped, restarted, spoilt),
        ),
        min_size=5,
        max_size=60,
    ),
)
def test_relay_never_moves_twice_for_one_signature(wrong_s: float, steps: list[Step]) -> None:
    door = played(steps, wrong_s=wrong_s)
    tell(door)

    assert set(door.opened.values()) <= {1}


@settings(max_examples=EXAMPLES)
@given(
    wrong_s=begins_wrong,
    steps=st.lists(
        st.one_of(meant_truly, signed, signed, delivered, delivered, delivered, passed),
        min_size=5,
        max_size=60,
    ),
)
def test_what_was_held_back_is_not_made_good_by_moving_the_clock(
    wrong_s: float, steps: list[Step]
) -> None:
    """Once a caller has proved what time it is, no syncTime leads back by more than ten minutes,
    and a signature is good for five more; callers' own clocks are up to one minute slow here.
    """
    door = played(steps, wrong_s=wrong_s)
    tell(door)

    assert set(door.opened.values()) <= {1}
    assert max(door.opened_late, default=0) <= 10 + 5 + 1


def test_the_recorded_pair_that_was_found() -> None:
    """The property's own example, so that the sequences are known to reach the fault."""
    a_year_s = 365 * 86_400.0
    steps: list[Step] = [
        ("sign", 0),
        ("deliver", (0, "open", False)),
        ("pass", a_year_s),
        ("deliver", (0, "syncTime", False)),
        ("deliver", (0, "open", True)),
    ]

    assert played(steps, wrong_s=0.0).opened.total() == 1
    # Where signatures may repeat, the clock is not turned back either.
    assert played(steps, wrong_s=0.0, replay=Replay.ALLOW).opened.total() == 1
