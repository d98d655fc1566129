"""Whatever comes in whatever order: what a door never does (invariants 2 to 4).

Sequences of people, rules, repeats, outages and clocks through ``pass_record`` on the database.
"""

import itertools
import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from devices.models import Site, Terminal
from devices.services import Admission, admit
from faces.models import Library, Person
from records.models import PassRules, Record
from records.services import PassOutcome, pass_record, temperature_record
from terminal_protocol import FaceMatch, TemperatureReading
from tests.support.factories import make_person
from tests.support.moving_clock import MovingClock

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

EXAMPLES = int(os.environ.get("MENJIN_SEQUENCES", "100"))
DAY = 86400.0
PEOPLE = ("1", "2")
# Farther off than any queue is old, so that no old pass of one clock is a pass of now by another.
OFFSETS = (0.0, -26 * 365 * DAY, -90 * DAY, 100 * DAY)
NUMBERS = itertools.count()

people = st.sampled_from(PEOPLE)
spans = st.sampled_from([70.0, 90.0, 600.0, 7200.0, DAY, 14 * DAY])
steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.sampled_from([0.5, 5.0, 12.0, 19.0, 25.0, 57.0])),
        st.tuples(st.just("walk"), people),
        st.tuples(st.just("walk"), people),
        st.tuples(st.just("stranger"), st.just("")),
        st.tuples(st.just("repeat"), st.integers(0, 3)),
        st.tuples(st.just("repeat"), st.integers(0, 20)),
        st.tuples(st.just("outage"), st.tuples(spans, st.integers(1, 7), st.booleans())),
        st.tuples(st.just("clock"), st.sampled_from(OFFSETS)),
        st.tuples(st.just("suspend"), people),
        st.tuples(st.just("allow"), people),
        st.tuples(st.just("blacklist"), people),
        st.tuples(st.just("passback"), st.sampled_from(["off", "soft", "hard"])),
    ),
    min_size=10,
    max_size=40,
)


@dataclass
class Sent:
    """A message, when it was made and first arrived, and whether it opened then."""

    message: FaceMatch | TemperatureReading
    made_at: float
    arrived_at: float
    opened: bool
    record_id: int
    repeats: int = 0


@dataclass
class Door:
    """One terminal with its clock and what it sent; asserts at each answer."""

    terminal: Terminal
    clock: MovingClock
    rules: PassRules
    offset_s: float = 0.0
    outages: int = 0
    sent: list[Sent] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)

    def step(self, name: str, value: Any) -> None:
        getattr(self, name)(value)

    def wait(self, value: float) -> None:
        self.clock.pass_by(value)

    def walk(self, user_id: str) -> None:
        self._send(self._made(user_id), self.clock.at)
        self.clock.pass_by(0.3)

    def stranger(self, _: str) -> None:
        self._send(self._made(""), self.clock.at)
        self.clock.pass_by(0.3)

    def outage(self, value: tuple[float, int, bool]) -> None:
        """Let people pass while the line is cut, and send what was kept, back to back.

        Over a slow line each takes as long as passed between the people. No two outages last the
        same, because what waited as long as what came before it cannot be told from a clock that
        has jumped (decision 0021).
        """
        lasts, count, is_slow = value
        self.outages += 1
        lasts += 10 * self.outages
        gap_s = min(lasts / 10, 12.0) if is_slow else lasts / count
        kept = []
        for _ in range(count):
            self.clock.pass_by(gap_s)
            kept.append((self._made("1"), self.clock.at))
        self.clock.pass_by(lasts)
        for message, made_at in kept:
            self._send(message, made_at, took_s=gap_s - 1 if is_slow else 0.0)
            self.clock.pass_by(1.0 if is_slow else 0.5)

    def repeat(self, number: int) -> None:
        if not self.sent:
            return
        one = self.sent[-1 - number % len(self.sent)]
        outcome = self._post(one.message)
        one.repeats += 1
        assert outcome.is_repeat
        assert outcome.record_id == one.record_id
        if outcome.open_door:
            assert one.opened
            assert self.clock.at - one.arrived_at <= 20
            assert self.clock.at - one.made_at <= 60
            self._may_pass(one.message)
        self.clock.pass_by(0.3)

    def clock_(self, offset_s: float) -> None:
        self.offset_s = offset_s

    def suspend(self, user_id: str) -> None:
        self._people(user_id).update(state="suspended")
        self.refused.add(user_id)

    def blacklist(self, user_id: str) -> None:
        self._people(user_id).update(category=3)
        self.refused.add(user_id)

    def allow(self, user_id: str) -> None:
        self._people(user_id).update(state="active", category=1)
        self.refused.discard(user_id)

    def passback(self, value: str) -> None:
        PassRules.objects.filter(pk=self.rules.pk).update(passback=value)

    def _people(self, user_id: str) -> Any:
        return Person.objects.filter(site_id=self.terminal.site_id, user_id=user_id)

    def _made(self, user_id: str) -> FaceMatch | TemperatureReading:
        # Milliseconds, and a picture of its own: no two messages are the same.
        said = self.clock.at + self.offset_s
        moment = datetime.fromtimestamp(round(said, 3), UTC)
        named = {"captured_at": moment, "captured_raw": f"{said:.3f}"}
        digest = f"{next(NUMBERS):064x}"
        if not user_id:
            return TemperatureReading(**named, image_sha256=digest)
        return FaceMatch(user_id=user_id, **named, image_sha256=digest)

    def _send(
        self, message: FaceMatch | TemperatureReading, made_at: float, *, took_s: float = 0.0
    ) -> None:
        began = self.clock.now
        self.clock.pass_by(took_s)
        outcome = self._post(message, began)
        arrived_at = self.clock.at
        assert not outcome.is_repeat
        if outcome.open_door:
            assert arrived_at - made_at <= 60
            self._may_pass(message)
        self.sent.append(Sent(message, made_at, arrived_at, outcome.open_door, outcome.record_id))

    def _may_pass(self, message: FaceMatch | TemperatureReading) -> None:
        assert isinstance(message, FaceMatch)
        assert message.user_id not in self.refused

    def _post(
        self, message: FaceMatch | TemperatureReading, began: datetime | None = None
    ) -> PassOutcome:
        admission = admit(
            token=self.terminal.site.tokens.get().token,
            device_id=self.terminal.device_id,
            address="127.0.0.1",
        )
        assert isinstance(admission, Admission)
        admission = replace(admission, began=began or self.clock.now)
        if isinstance(message, FaceMatch):
            return pass_record(admission=admission, message=message)
        return temperature_record(admission=admission, message=message)

    def finish(self) -> None:
        """Look whether each message has its one record, whole, with its repeats."""
        rows = {row.pk: row for row in Record.objects.filter(terminal=self.terminal)}
        assert len(rows) == len(self.sent)
        for one in self.sent:
            row = rows[one.record_id]
            assert row.door_opened is one.opened
            assert row.repeats == one.repeats
            assert (row.repeated_at is None) is (one.repeats == 0)
            assert row.captured_at == one.message.captured_at
            assert row.user_id == getattr(one.message, "user_id", "")
            assert row.received_at.timestamp() == pytest.approx(one.arrived_at, abs=0.001)


@pytest.mark.slow
@given(steps)
@examples(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
def test_a_door_opens_for_nothing_old_no_late_repeat_and_no_one_refused(
    site: Site, library: Library, clock: MovingClock, sequence: list[tuple[str, Any]]
) -> None:
    for user_id in PEOPLE:
        if not Person.objects.filter(site=site, user_id=user_id).exists():
            make_person(site, user_id=user_id, libraries=[library])
    Person.objects.filter(site=site).update(state="active", category=1)
    rules, _ = PassRules.objects.update_or_create(site=site, defaults={"passback": "off"})
    terminal = Terminal.objects.create(
        site=site,
        device_id=f"d{next(NUMBERS)}",
        status="approved",
        all_libraries=True,
        direction="in",
    )
    # What an example before this one did is long ago.
    clock.pass_by(40 * DAY)
    door = Door(terminal, clock, rules)

    for name, value in sequence:
        door.step("clock_" if name == "clock" else name, value)

    door.finish()
