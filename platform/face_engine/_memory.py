"""What the C library keeps of freed memory, which is more than a budget could count.

Each thread that decodes allocates from a pool of its own (arena), and glibc learns from the first
large block that is freed to take the next ones from there: what one thread has freed, no other can
use, and twelve threads in turn held 235 MB for pictures of which no more than two, 150 MB, were
there at once.
"""

import ctypes
import sys
from functools import cache
from typing import Any, Final

# Numbers of mallopt(3); setting either also ends the learning.
_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
# From here on a block is the system's own and goes back to it when it is freed; so much an arena
# may keep at its end. Smaller than one piece of a conversion, of which each thread has one.
_OWN_BLOCK_BYTES: Final = 1024 * 1024


@cache
def return_large_blocks() -> None:
    """Have large blocks returned to the system when they are freed, in the whole process.

    Costs a usual picture a tenth of a millisecond (benchmarks/bench_picture_decode.py). No effect
    where the C library is another than glibc.
    """
    setting = _function("mallopt")
    if setting is not None:
        setting(_M_MMAP_THRESHOLD, _OWN_BLOCK_BYTES)
        setting(_M_TRIM_THRESHOLD, _OWN_BLOCK_BYTES)


def return_free_memory() -> None:
    """Return what is free in all arenas to the system; takes milliseconds."""
    trim = _function("malloc_trim")
    if trim is not None:
        trim(0)


def _function(name: str) -> Any:
    return getattr(ctypes.CDLL(None), name, None) if sys.platform == "linux" else None
