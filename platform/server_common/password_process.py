"""A process that derives keys from passwords, one after the other, behind all other work.

A program of its own that needs nothing of Menjin. It reads one order a line and writes one answer
a line, both JSON; it ends when its input does, and so with the process that started it.

In a process and not in a thread: a thread that steps back in the scheduler still has to hold the
interpreter's lock whenever it begins, ends or takes its next order. Pushed off a busy core at that
moment it keeps the lock, and everybody else in the server waits for the last in the queue.
"""

import hashlib
import json
import os
import signal
import sys
from typing import TextIO

# As seen by the scheduler of the operating system: 0 is usual, 19 the last.
_NICENESS = 10


def derived(order: str) -> str:
    """Return the key of an order in hexadecimal."""
    asked = json.loads(order)
    password, salt = (bytes.fromhex(asked[name]) for name in ("password", "salt"))
    return hashlib.pbkdf2_hmac(asked["digest"], password, salt, asked["iterations"]).hex()


def serve(orders: TextIO, answers: TextIO) -> None:
    """Answer orders until there are no more."""
    for order in orders:
        answers.write(f"{derived(order)}\n")
        answers.flush()


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    if hasattr(signal, "SIGPIPE"):
        # When the one who asked is gone, it goes too, without a word.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    serve(sys.stdin, sys.stdout)
