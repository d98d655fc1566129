"""A process works on so many requests of terminals at once; people at doors go first."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.log import log_response
from hypothesis import given
from hypothesis import strategies as st

from terminal_api.answer import TerminalLane
from terminal_api.load import Crowded, Errand, SentAway, Slots


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
    return Slots(total, door_wait_s=0.01, rest_wait_s=0.01, poll_wait_s=0.01)


def test_doors_may_take_all_slots_but_one(held: ExitStack) -> None:
    slots = impatient(8)
    for _ in range(7):
        held.enter_context(slots.taken(Errand.DOOR))

    with pytest.raises(Crowded), slots.taken(Errand.DOOR):
        pass
    with slots.taken(Errand.REST):
        pass


def test_everything_else_may_take_half_of_the_slots(held: ExitStack) -> None:
    slots = impatient(8)
    for _ in range(4):
        held.enter_context(slots.taken(Errand.REST))

    with pytest.raises(Crowded), slots.taken(Errand.REST):
        pass
    for _ in range(4):
        held.enter_context(slots.taken(Errand.DOOR))
    with pytest.raises(Crowded), slots.taken(Errand.DOOR):
        pass


def test_a_slot_is_given_back_when_the_work_fails() -> None:
    slots = impatient(2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.taken(Errand.DOOR):
            raise ZeroDivisionError
    with slots.taken(Errand.DOOR):
        pass


def test_too_many_waiters_are_sent_away_at_once(held: ExitStack) -> None:
    slots = Slots(2, door_wait_s=60)
    leaving = threading.Event()
    threads = [threading.Thread(target=_hold, args=(slots, leaving)) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: slots.waiting == 2)
    begin_s = time.monotonic()

    with pytest.raises(Crowded), slots.taken(Errand.DOOR):
        pass

    assert time.monotonic() - begin_s < 30
    leaving.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def _hold(slots: Slots, leaving: threading.Event) -> None:
    with slots.taken(Errand.DOOR):
        assert leaving.wait(30)


def test_whoever_waits_at_a_door_goes_in_before_a_poll(held: ExitStack) -> None:
    slots = Slots(4, door_wait_s=30, rest_wait_s=0.05)
    first = held.enter_context(ExitStack())
    first.enter_context(slots.taken(Errand.REST))
    for _ in range(2):
        held.enter_context(slots.taken(Errand.DOOR))
    last = held.enter_context(ExitStack())
    last.enter_context(slots.taken(Errand.REST))
    order: list[str] = []
    leaving = threading.Event()

    def pass_a_door() -> None:
        with slots.taken(Errand.DOOR):
            order.append("door")
            assert leaving.wait(30)

    thread = threading.Thread(target=pass_a_door)
    thread.start()
    until(lambda: slots.waiting == 1)
    last.close()
    with pytest.raises(Crowded), slots.taken(Errand.REST):
        order.append("poll")

    assert order == ["door"]
    leaving.set()
    thread.join(10)


def test_polls_leave_slots_to_what_they_begin(held: ExitStack) -> None:
    """Or a fleet that is told of somebody new is refused the pictures, and reports failures."""
    slots = impatient(8)
    for _ in range(2):
        held.enter_context(slots.taken(Errand.POLL))

    with pytest.raises(Crowded), slots.taken(Errand.POLL):
        pass
    for _ in range(2):
        held.enter_context(slots.taken(Errand.REST))
    with pytest.raises(Crowded), slots.taken(Errand.REST):
        pass


def test_a_picture_goes_in_before_the_next_poll(held: ExitStack) -> None:
    slots = Slots(8, rest_wait_s=30, poll_wait_s=30)
    last = held.enter_context(ExitStack())
    last.enter_context(slots.taken(Errand.POLL))
    held.enter_context(slots.taken(Errand.POLL))
    for _ in range(2):
        held.enter_context(slots.taken(Errand.REST))
    order: list[Errand] = []

    def come(errand: Errand) -> None:
        with slots.taken(errand):
            order.append(errand)

    threads = []
    for number, errand in enumerate([Errand.POLL, Errand.REST]):
        threads.append(threading.Thread(target=come, args=(errand,)))
        threads[-1].start()
        until(lambda waiting=number + 1: slots.waiting == waiting)
    last.close()
    for thread in threads:
        thread.join(10)

    assert order == [Errand.REST, Errand.POLL]


@given(
    total=st.integers(2, 6),
    asked=st.lists(st.sampled_from(Errand), min_size=1, max_size=24),
)
def test_never_more_than_there_is_room_for(total: int, asked: list[Errand]) -> None:
    slots = Slots(total, door_wait_s=0.002, rest_wait_s=0.002, poll_wait_s=0.002)
    most = {Errand.DOOR: total - 1, Errand.REST: total // 2, Errand.POLL: max(1, total // 4)}
    now: Counter[Errand] = Counter()
    lock = threading.Lock()
    wrong: list[Counter[Errand]] = []

    def work(errand: Errand) -> None:
        try:
            with slots.taken(errand):
                with lock:
                    now[errand] += 1
                    is_half_full = now[Errand.REST] + now[Errand.POLL] > total // 2
                    if is_half_full or now.total() > total or now[errand] > most[errand]:
                        wrong.append(now.copy())
                time.sleep(0.0005)
                with lock:
                    now[errand] -= 1
        except Crowded:
            pass

    threads = [threading.Thread(target=work, args=(errand,)) for errand in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert wrong == []
    assert now.total() == slots.waiting == 0
    with slots.taken(Errand.DOOR), ExitStack() as rest:
        if total > 2:
            rest.enter_context(slots.taken(Errand.REST))


def test_one_slot_is_not_enough() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Slots(1)


@pytest.mark.parametrize(
    ("path", "errand"),
    [
        ("/t/token/syface/1", Errand.DOOR),
        ("/syface/1", Errand.DOOR),
        ("/+syface/1", Errand.DOOR),
        ("/t/token/syheartbeat/1", Errand.REST),
        ("/t/token/syresult/syface", Errand.REST),
        ("/i/syface.jpg", Errand.REST),
        ("/t/token/syrecord/syface", Errand.POLL),
        ("/syrecord/1", Errand.POLL),
    ],
)
def test_a_crowded_lane_says_when_to_come_again(
    held: ExitStack, path: str, errand: Errand, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(_: HttpRequest) -> HttpResponse:
        raise AssertionError("nothing of this is looked at")

    lane = TerminalLane(never)
    lane.slots = impatient(8)
    monkeypatch.setattr(lane, "_message", never)
    monkeypatch.setattr(lane, "_picture", never)
    for _ in range({Errand.DOOR: 7, Errand.REST: 4, Errand.POLL: 2}[errand]):
        held.enter_context(lane.slots.taken(errand))

    answer = lane(RequestFactory().post(path, b"{}", content_type="application/json"))

    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/json"
    assert 5 <= int(answer["Retry-After"]) <= 15
    assert answer.content == b'{"ret": "50002", "desc": "platform is busy"}'
    with lane.slots.taken(Errand.REST if errand is not Errand.REST else Errand.DOOR):
        pass


def test_who_is_sent_away_is_told_to_the_log_in_numbers_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sent_away = SentAway(every_s=0.2)
    for _ in range(5):
        sent_away.count(Errand.POLL)
    sent_away.count(Errand.DOOR)
    time.sleep(0.25)
    sent_away.count(Errand.REST)

    assert [record.getMessage() for record in caplog.records] == [
        "terminals_sent_away door=0 rest=0 poll=1",
        "terminals_sent_away door=1 rest=1 poll=4",
    ]


@pytest.mark.parametrize(
    ("path", "status", "is_told"),
    [
        ("/t/token/syrecord/1", 503, False),
        ("/syface/1", 503, False),
        ("/i/name.jpg", 503, False),
        ("/t/token/syrecord/1", 500, True),
        ("/api/v1/sites/", 503, True),
    ],
)
def test_django_adds_no_line_of_its_own_about_who_was_sent_away(
    path: str, status: int, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    request = RequestFactory().get(path)

    log_response("%s: %s", "Busy", path, response=HttpResponse(status=status), request=request)

    assert bool(caplog.records) is is_told


def test_nobody_waits_on_while_there_is_room(held: ExitStack) -> None:
    """One who was held back by somebody that gave up goes in when that one goes."""
    slots = Slots(4, door_wait_s=0.3, rest_wait_s=30)
    held.enter_context(slots.taken(Errand.REST))
    leaving = ExitStack()
    for _ in range(3):
        leaving.enter_context(slots.taken(Errand.DOOR))
    seated = threading.Event()

    def come() -> None:
        with slots.taken(Errand.REST):
            seated.set()

    def give_up() -> None:
        with pytest.raises(Crowded), slots.taken(Errand.DOOR):
            pass

    threads = [threading.Thread(target=come), threading.Thread(target=give_up)]
    for number, thread in enumerate(threads):
        thread.start()
        until(lambda waiting=number + 1: slots.waiting == waiting)
    threads[1].join(10)
    assert not seated.is_set()
    leaving.close()

    assert seated.wait(10)
    threads[0].join(10)
