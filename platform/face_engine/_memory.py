"""Return freed memory to the system, which the C library would keep."""

import ctypes
import sys


def return_free_memory() -> None:
    """Return what is free in all pools (arenas) of the process; takes milliseconds.

    glibc lets each thread allocate from a pool of its own, and keeps up to 64 MB of freed memory
    in each, which no other thread can use. No effect with another C library.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
