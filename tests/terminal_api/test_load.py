"""A process works on so many requests of terminals at once; people at doors go first."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from django.utils.log import log_response
from hypothesis import given
from hypothesis import strategies as st

from terminal_api.answer import TerminalApi
from terminal_api.load import IdleSlots, Overloaded, Priority, ShedCount, Slots
from terminal_api.middleware import TerminalApiMiddleware
from terminal_protocol import TerminalReply
from tests.support.waiting import wait_until


@pytest.fixture
def held() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def impatient(total: int = 8) -> Slots:
    return Slots(total, door_wait_s=0.01, normal_wait_s=0.01, poll_wait_s=0.01)


def test_doors_may_take_all_slots_but_one(held: ExitStack) -> None:
    slots = impatient(8)
    for _ in range(7):
        held.enter_context(slots.taken(Priority.DOOR))

    with pytest.raises(Overloaded), slots.taken(Priority.DOOR):
        pass
    with slots.taken(Priority.NORMAL):
        pass


def test_everything_else_may_take_half_of_the_slots(held: ExitStack) -> None:
    slots = impatient(8)
    for _ in range(4):
        held.enter_context(slots.taken(Priority.NORMAL))

    with pytest.raises(Overloaded), slots.taken(Priority.NORMAL):
        pass
    for _ in range(4):
        held.enter_context(slots.taken(Priority.DOOR))
    with pytest.raises(Overloaded), slots.taken(Priority.DOOR):
        pass


def test_a_slot_is_given_back_when_the_work_fails() -> None:
    slots = impatient(2)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), slots.taken(Priority.DOOR):
            raise ZeroDivisionError
    with slots.taken(Priority.DOOR):
        pass


def test_too_many_waiters_are_turned_away_at_once(held: ExitStack) -> None:
    slots = Slots(2, door_wait_s=60)
    leaving = threading.Event()
    threads = [threading.Thread(target=_hold, args=(slots, leaving)) for _ in range(3)]
    for thread in threads:
        thread.start()
    wait_until(lambda: slots.waiting == 2)
    begin_s = time.monotonic()

    with pytest.raises(Overloaded), slots.taken(Priority.DOOR):
        pass

    assert time.monotonic() - begin_s < 30
    leaving.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def _hold(slots: Slots, leaving: threading.Event) -> None:
    with slots.taken(Priority.DOOR):
        assert leaving.wait(30)


def test_whoever_waits_at_a_door_goes_in_before_a_poll(held: ExitStack) -> None:
    slots = Slots(4, door_wait_s=30, normal_wait_s=0.05)
    first = held.enter_context(ExitStack())
    first.enter_context(slots.taken(Priority.NORMAL))
    for _ in range(2):
        held.enter_context(slots.taken(Priority.DOOR))
    last = held.enter_context(ExitStack())
    last.enter_context(slots.taken(Priority.NORMAL))
    order: list[str] = []
    leaving = threading.Event()

    def pass_a_door() -> None:
        with slots.taken(Priority.DOOR):
            order.append("door")
            assert leaving.wait(30)

    thread = threading.Thread(target=pass_a_door)
    thread.start()
    wait_until(lambda: slots.waiting == 1)
    last.close()
    with pytest.raises(Overloaded), slots.taken(Priority.NORMAL):
        order.append("poll")

    assert order == ["door"]
    leaving.set()
    thread.join(10)


def test_polls_leave_slots_to_what_they_begin(held: ExitStack) -> None:
    """Or a fleet that is told of somebody new is refused the pictures, and reports failures."""
    slots = impatient(8)
    for _ in range(2):
        held.enter_context(slots.taken(Priority.POLL))

    with pytest.raises(Overloaded), slots.taken(Priority.POLL):
        pass
    for _ in range(2):
        held.enter_context(slots.taken(Priority.NORMAL))
    with pytest.raises(Overloaded), slots.taken(Priority.NORMAL):
        pass


def test_a_picture_goes_in_before_the_next_poll(held: ExitStack) -> None:
    slots = Slots(8, normal_wait_s=30, poll_wait_s=30)
    last = held.enter_context(ExitStack())
    last.enter_context(slots.taken(Priority.POLL))
    held.enter_context(slots.taken(Priority.POLL))
    for _ in range(2):
        held.enter_context(slots.taken(Priority.NORMAL))
    order: list[Priority] = []

    def come(priority: Priority) -> None:
        with slots.taken(priority):
            order.append(priority)

    threads = []
    for number, priority in enumerate([Priority.POLL, Priority.NORMAL]):
        threads.append(threading.Thread(target=come, args=(priority,)))
        threads[-1].start()
        wait_until(lambda waiting=number + 1: slots.waiting == waiting)
    last.close()
    for thread in threads:
        thread.join(10)

    assert order == [Priority.NORMAL, Priority.POLL]


@given(
    total=st.integers(2, 6),
    asked=st.lists(st.sampled_from(Priority), min_size=1, max_size=24),
)
def test_never_more_than_there_is_room_for(total: int, asked: list[Priority]) -> None:
    slots = Slots(total, door_wait_s=0.002, normal_wait_s=0.002, poll_wait_s=0.002)
    most = {
        Priority.DOOR: total - 1,
        Priority.NORMAL: total // 2,
        Priority.POLL: max(1, total // 4),
    }
    now: Counter[Priority] = Counter()
    lock = threading.Lock()
    wrong: list[Counter[Priority]] = []

    def work(priority: Priority) -> None:
        try:
            with slots.taken(priority):
                with lock:
                    now[priority] += 1
                    is_half_full = now[Priority.NORMAL] + now[Priority.POLL] > total // 2
                    if is_half_full or now.total() > total or now[priority] > most[priority]:
                        wrong.append(now.copy())
                time.sleep(0.0005)
                with lock:
                    now[priority] -= 1
        except Overloaded:
            pass

    threads = [threading.Thread(target=work, args=(priority,)) for priority in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert wrong == []
    assert now.total() == slots.waiting == 0
    with slots.taken(Priority.DOOR), ExitStack() as rest:
        if total > 2:
            rest.enter_context(slots.taken(Priority.NORMAL))


def test_one_slot_is_not_enough() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Slots(1)


@pytest.mark.parametrize(
    ("path", "priority"),
    [
        ("/t/token/syface/1", Priority.DOOR),
        ("/syface/1", Priority.DOOR),
        ("/+syface/1", Priority.DOOR),
        ("/t/token/syheartbeat/1", Priority.NORMAL),
        ("/t/token/syresult/syface", Priority.NORMAL),
        ("/i/syface.jpg", Priority.NORMAL),
        ("/t/token/syrecord/syface", Priority.POLL),
        ("/syrecord/1", Priority.POLL),
    ],
)
def test_without_a_slot_it_is_said_when_to_come_again(
    held: ExitStack, path: str, priority: Priority
) -> None:
    def never(*_: object) -> TerminalReply:
        raise AssertionError("nothing of this is looked at")

    def behind(_: HttpRequest) -> HttpResponse:
        raise AssertionError("nothing of this is looked at")

    slots = impatient(8)
    none = IdleSlots(at_once=0, waiting=0)
    middleware = TerminalApiMiddleware(
        behind, api=TerminalApi(slots=slots, idle_slots=none, full=never)
    )
    for _ in range({Priority.DOOR: 7, Priority.NORMAL: 4, Priority.POLL: 2}[priority]):
        held.enter_context(slots.taken(priority))

    answer = middleware(RequestFactory().post(path, b"{}", content_type="application/json"))

    assert answer.status_code == 503
    assert answer["Content-Type"] == "application/json"
    assert 5 <= int(answer["Retry-After"]) <= 15
    assert answer.content == b'{"ret": "50002", "desc": "platform is busy"}'
    other = Priority.NORMAL if priority is not Priority.NORMAL else Priority.DOOR
    with slots.taken(other):
        pass


def test_who_is_turned_away_is_told_to_the_log_in_numbers_now_and_then(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = [1000.0]
    shed = ShedCount(every_s=10, clock=lambda: now[0])
    for _ in range(5):
        shed.count(Priority.POLL)
    shed.count(Priority.DOOR)
    now[0] += 10
    shed.count(Priority.NORMAL)

    assert [record.getMessage() for record in caplog.records] == [
        "terminals_shed door=0 normal=0 poll=1",
        "terminals_shed door=1 normal=1 poll=4",
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
def test_django_adds_no_line_of_its_own_about_who_was_shed(
    path: str, status: int, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    request = RequestFactory().get(path)

    log_response("%s: %s", "Busy", path, response=HttpResponse(status=status), request=request)

    assert bool(caplog.records) is is_told


def test_nobody_waits_on_while_there_is_room(held: ExitStack) -> None:
    """One who was held back by somebody that gave up goes in when that one goes."""
    slots = Slots(4, door_wait_s=0.3, normal_wait_s=30)
    held.enter_context(slots.taken(Priority.NORMAL))
    leaving = ExitStack()
    for _ in range(3):
        leaving.enter_context(slots.taken(Priority.DOOR))
    seated = threading.Event()

    def come() -> None:
        with slots.taken(Priority.NORMAL):
            seated.set()

    def give_up() -> None:
        with pytest.raises(Overloaded), slots.taken(Priority.DOOR):
            pass

    threads = [threading.Thread(target=come), threading.Thread(target=give_up)]
    for number, thread in enumerate(threads):
        thread.start()
        wait_until(lambda waiting=number + 1: slots.waiting == waiting)
    threads[1].join(10)
    assert not seated.is_set()
    leaving.close()

    assert seated.wait(10)
    threads[0].join(10)
