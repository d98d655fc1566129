"""How long to wait for room in the budget of pictures."""

import time
from collections.abc import Callable

from face_engine import (
    WaitLimits,
)

MB = 2**20
AT_ONCE = WaitLimits(0)
SOON = WaitLimits(20)


def until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 20
    while not happened():
        assert time.monotonic() < give_up
        time.sleep(0.001)
