"""Return of freed memory to the system, which the C library would keep."""

import ctypes
import sys
from functools import cache
from typing import Final

_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3
# Larger pieces are mapped alone, and so returned when they are freed. A decoded picture of a
# terminal is smaller: mapping one anew each time costs a fifth of decoding it.
_ALONE_BYTES: Final = 4 * 1024 * 1024
_KEPT_BYTES: Final = 2 * 1024 * 1024  # free at the end of each pool


@cache
def return_large_memory() -> None:
    """Configure the C library to return large blocks as soon as they are freed.

    glibc raises the first two bounds by itself up to 64 MB with the first large picture, and keeps
    so much in the pool of each thread, where trimming does not reach it. The third lets a pool grow
    by as much as is kept, or small pictures would have it grow anew each time. No effect elsewhere.
    """
    setting = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if setting is not None:
        setting(_M_MMAP_THRESHOLD, _ALONE_BYTES)
        setting(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        setting(_M_TOP_PAD, _KEPT_BYTES)


def return_free_memory() -> None:
    """Return free memory of all arenas of the process; takes milliseconds.

    glibc lets each thread allocate from a pool of its own, and keeps up to 64 MB of freed memory
    in each, which no other thread can use. No effect with another C library.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
