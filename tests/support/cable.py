"""A network cable over loopback that can be cut, plugged in again, and made to lose answers."""

import contextlib
import socket
import threading
from types import TracebackType


class Cable:
    """Carries TCP connections to a port, as far as it is plugged in.

    Cut, every connection breaks and none is accepted. Silent, connections stay and nothing comes
    through any more, as behind a switch that lost its power. Losing answers, requests arrive and
    their connections break before anything comes back.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self._moves = threading.Event()
        self.loses_answers = False
        self.carried = 0
        self.port = 0
        self.plug_in()

    def plug_in(self) -> None:
        """Carry connections, new ones and those that fell silent."""
        self._moves.set()
        if self._listener is None:
            listener = socket.create_server(("127.0.0.1", self.port))
            self.port = listener.getsockname()[1]
            self._listener = listener
            threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def cut(self) -> None:
        """Break every connection and accept none."""
        listener, self._listener = self._listener, None
        if listener is not None:
            # Closing alone does not end an accept that another thread waits in.
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        with self._lock:
            open_now, self._sockets = self._sockets, set()
        for one in open_now:
            _break(one)
        self._moves.set()

    def fall_silent(self) -> None:
        """Keep connections and carry nothing."""
        self._moves.clear()

    def __enter__(self) -> "Cable":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(("127.0.0.1", self._to), timeout=5)
            except OSError:
                _break(near)
                continue
            far.settimeout(None)
            with self._lock:
                self._sockets |= {near, far}
            for source, sink, is_answer in ((near, far, False), (far, near, True)):
                threading.Thread(
                    target=self._carry, args=(source, sink), kwargs={"is_answer": is_answer},
                    daemon=True,
                ).start()  # fmt: skip

    def _carry(self, source: socket.socket, sink: socket.socket, *, is_answer: bool) -> None:
        try:
            while data := source.recv(65536):
                self._moves.wait()
                if is_answer and self.loses_answers:
                    break
                sink.sendall(data)
                self.carried += len(data)
        except OSError:
            pass  # cut, or one of the ends is gone: the other one is told below
        finally:
            with self._lock:
                self._sockets -= {source, sink}
            _break(source)
            _break(sink)


def _break(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
