"""Each owner of pictures has a share of the budget, so that one holds up itself and not others."""

import threading

import pytest

from face_engine import PictureBudget, PicturesBusy, WaitLimits
from tests.support.patience import AT_ONCE, MB, SOON
from tests.support.waiting import wait_until


def test_many_pictures_of_one_owner_leave_room_for_others() -> None:
    """24 at once of one terminal made another door's find no room, six times of twelve."""
    budget = PictureBudget(384 * MB)
    door_is_done = threading.Event()
    ends: list[str] = []

    def flood() -> None:
        try:
            with budget.hold(SOON, owner="flood") as hold:
                hold.take(30 * MB)
                ends.append("in")
                door_is_done.wait(20)
        except PicturesBusy:
            ends.append("busy")

    threads = [threading.Thread(target=flood) for _ in range(24)]
    for one in threads:
        one.start()
    # One is in, two wait for its share, and the others have been sent away.
    wait_until(lambda: len(ends) == 22 and budget.waiting == 2)
    assert (ends.count("in"), budget.used) == (1, 30 * MB)

    for _ in range(12):
        with budget.hold(AT_ONCE, owner="door") as hold:
            hold.take(30 * MB)
    door_is_done.set()
    for one in threads:
        one.join(20)

    assert (ends.count("in"), ends.count("busy")) == (3, 21)
    assert (budget.used, budget.waiting) == (0, 0)


def test_what_waits_for_its_owners_share_does_not_stand_in_the_queue() -> None:
    budget = PictureBudget(300 * MB)
    with budget.hold(AT_ONCE, owner="one") as first, budget.hold(AT_ONCE) as other:
        first.take(50 * MB)
        with pytest.raises(PicturesBusy), budget.hold(WaitLimits(0.01), owner="one") as second:
            second.take(50 * MB)

        other.take(50 * MB)
        first.release()
        with budget.hold(AT_ONCE, owner="one") as again:
            again.take(50 * MB)
    assert (budget.used, budget.waiting) == (0, 0)
