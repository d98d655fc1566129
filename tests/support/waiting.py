"""Waiting for what has to happen, instead of sleeping for as long as it usually takes."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")

# Nothing here takes as long on a machine that is busy with other things as well.
WITHIN_S = 30.0
_LOOK_EVERY_S = 0.01


def wait_until(
    condition: Callable[[], Found], within: float = WITHIN_S, *, every: float = _LOOK_EVERY_S
) -> Found:
    """Return what a condition comes to, once that is true.

    Args:
        condition: is asked again and again.
        within: seconds after which the test has failed.
        every: seconds between two questions.
    """
    give_up = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < give_up, f"did not happen within {within} s"
        time.sleep(every)
    return found


async def wait_until_async(
    condition: Callable[[], Found], within: float = WITHIN_S, *, every: float = _LOOK_EVERY_S
) -> Found:
    """Return what a condition comes to, once that is true; others of the loop run meanwhile."""
    give_up = time.monotonic() + within
    while not (found := condition()):
        assert time.monotonic() < give_up, f"did not happen within {within} s"
        await asyncio.sleep(every)
    return found
