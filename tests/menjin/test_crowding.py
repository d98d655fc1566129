"""A process works on so many requests of terminals at once; people at doors go first."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from menjin.crowding import Crowded, Slots
from menjin.terminal_lane import TerminalLane


def until(happened: Callable[[], bool]) -> None:
    """Wait for another thread."""
    end = time.monotonic() + 10
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.001)


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def impatient(total: int = 8) -> Slots:
    return Slots(total, door_wait_s=0.01, other_wait_s=0.01)


def test_doors_may_take_all_slots_but_one(held: ExitStack) -> None:
    slots = impatient(8)
    for _ in range(7):
        held.enter_context(slots.taken(is_door=True))

    with pytest.raises(Crowded), slots.taken(is_door=True):
        pass
    with slots.taken(is_door=False):
        pass


def test_everything_else_may_take_half_of_the_slots(held: ExitStack) -> None:
    slots = impatient(8)
    for _ in range(4):
        held.enter_context(slots.taken(is_door=False))

    with pytest.raises(Crowded), slots.taken(is_door=False):
        pass
    for _ in range(4):
        held.enter_context(slots.taken(is_door=True))
    with pytest.raises(Crowded), slots.taken(is_door=True):
        pass


def test_a_slot_is_given_back_when_the_work_fails() -> None:
    slots = impatient(2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.taken(is_door=True):
            raise ZeroDivisionError
    with slots.taken(is_door=True):
        pass


def test_too_many_waiters_are_sent_away_at_once(held: ExitStack) -> None:
    slots = Slots(2, door_wait_s=60, other_wait_s=60)
    leaving = threading.Event()
    threads = [threading.Thread(target=_hold, args=(slots, leaving)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: slots.waiting == 2)
    begin_s = time.monotonic()

    with pytest.raises(Crowded), slots.taken(is_door=True):
        pass

    assert time.monotonic() - begin_s < 30
    leaving.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def _hold(slots: Slots, leaving: threading.Event) -> None:
    with slots.taken(is_door=True):
        assert leaving.wait(30)


def test_whoever_waits_at_a_door_goes_in_before_a_poll(held: ExitStack) -> None:
    slots = Slots(4, door_wait_s=30, other_wait_s=0.05)
    first = held.enter_context(ExitStack())
    first.enter_context(slots.taken(is_door=False))
    for _ in range(2):
        held.enter_context(slots.taken(is_door=True))
    last = held.enter_context(ExitStack())
    last.enter_context(slots.taken(is_door=False))
    order: list[str] = []
    leaving = threading.Event()

    def pass_a_door() -> None:
        with slots.taken(is_door=True):
            order.append("door")
            assert leaving.wait(30)

    thread = threading.Thread(target=pass_a_door)
    thread.start()
    until(lambda: slots.waiting == 1)
    last.close()
    with pytest.raises(Crowded), slots.taken(is_door=False):
        order.append("poll")

    assert order == ["door"]
    leaving.set()
    thread.join(10)


@given(
    total=st.integers(2, 6),
    asked=st.lists(st.booleans(), min_size=1, max_size=24),
)
def test_never_more_than_there_is_room_for(total: int, asked: list[bool]) -> None:
    slots = Slots(total, door_wait_s=0.002, other_wait_s=0.002)
    now: Counter[bool] = Counter()
    lock = threading.Lock()
    wrong: list[Counter[bool]] = []

    def work(is_door: bool) -> None:
        try:
            with slots.taken(is_door=is_door):
                with lock:
                    now[is_door] += 1
                    if now.total() > total or now[True] > total - 1 or now[False] > total // 2:
                        wrong.append(now.copy())
                time.sleep(0.0005)
                with lock:
                    now[is_door] -= 1
        except Crowded:
            pass

    threads = [threading.Thread(target=work, args=(is_door,)) for is_door in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert wrong == []
    assert now.total() == slots.waiting == 0
    with slots.taken(is_door=True), ExitStack() as rest:
        if total > 2:
            rest.enter_context(slots.taken(is_door=False))


def test_one_slot_is_not_enough() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Slots(1)


@pytest.mark.parametrize(
    ("path", "is_door"),
    [
        ("/t/token/syface/1", True),
        ("/syface/1", True),
        ("/+syface/1", True),
        ("/t/token/syheartbeat/1", False),
        ("/t/token/syrecord/syface", False),
        ("/i/syface.jpg", False),
    ],
)
def test_a_crowded_lane_says_when_to_come_again(
    held: ExitStack, path: str, is_door: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: HttpRequest) -> HttpResponse:
        raise AssertionError("nothing of this is looked at")

    lane = TerminalLane(never)
    lane.slots = impatient(8)
    monkeypatch.setattr(lane, "_message", never)
    monkeypatch.setattr(lane, "_picture", never)
    for _ in range(7 if is_door else 4):
        held.enter_context(lane.slots.taken(is_door=is_door))

    answer = lane(RequestFactory().post(path, b"{}", content_type="application/json"))

    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/json"
    assert 5 <= int(answer["Retry-After"]) <= 15
    assert answer.content == b'{"ret": "50002", "desc": "platform is busy"}'
    with lane.slots.taken(is_door=not is_door):
        pass
