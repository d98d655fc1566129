"""A serial line: a real pair of terminals, with a sensor at the other end."""

import os
import pty
import threading
import tty
from collections.abc import Callable


class Line:
    """The sensor's end of a serial line."""

    def __init__(self) -> None:
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs)
        self.path = os.ttyname(self._theirs)
        self._sending = threading.Event()
        self._threads: list[threading.Thread] = []

    def send(self, octets: bytes) -> None:
        os.write(self._ours, octets)

    def keeps_sending(self, octets: bytes, *, every_s: float = 0.02) -> None:
        """Send over and over, as sensors do that are not asked."""

        def work() -> None:
            while not self._sending.wait(every_s):
                try:
                    self.send(octets)
                except OSError:
                    if self._sending.is_set():
                        return  # hung up in the middle of a word
                    raise

        self._run(work)

    def answers(self, question: bytes, answer: bytes) -> None:
        """Answer each question; anything else is not understood."""

        def work() -> None:
            received = b""
            while not self._sending.is_set():
                try:
                    received += os.read(self._ours, 64)
                except OSError:
                    return  # nobody is at the other end any more
                if received == question:
                    received = b""
                    self.send(answer)

        self._run(work)

    def hang_up(self) -> None:
        self._sending.set()
        for handle in (self._theirs, self._ours):
            if handle >= 0:
                os.close(handle)
        self._ours = self._theirs = -1
        for thread in self._threads:
            thread.join(2)

    def _run(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()
