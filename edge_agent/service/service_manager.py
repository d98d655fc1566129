"""Messages to systemd: sd_notify(3) and sd_watchdog_enabled(3), without its library.

Messages are lines ``NAME=value`` in a datagram to the socket that ``NOTIFY_SOCKET`` names.
"""

import logging
import os
import socket
from collections.abc import Mapping
from typing import Self

logger = logging.getLogger(__name__)


class ServiceManager:
    """Notify systemd of the process's state, where systemd is used.

    Never raises and never waits: a message that cannot be sent is lost, and said in the log once.

    Attributes:
        watchdog_s: systemd ends the process when it hears nothing for so long; 0 when it does not.
    """

    def __init__(self, address: str = "", *, watchdog_s: float = 0.0) -> None:
        """Prepare; nothing is opened.

        Args:
            address: path of the socket; one that begins with @ is abstract; empty for none.
            watchdog_s: see above.
        """
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self.watchdog_s = watchdog_s if address else 0.0
        self._is_lost = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Build from the environment variables that systemd sets."""
        variables = os.environ if environment is None else environment
        address = variables.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            address = ""  # none, or a kind of socket that no terminal has (vsock)
        return cls(address, watchdog_s=_watchdog_s(variables))

    @property
    def is_there(self) -> bool:
        """Whether systemd listens."""
        return bool(self._address)

    def send(self, *lines: str) -> None:
        """Send lines, for example ``READY=1``, in one message."""
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(0)
                sender.connect(self._address)
                sender.send("\n".join(lines).encode())
        except OSError:
            if not self._is_lost:
                logger.warning("service_manager_away", exc_info=True)
            self._is_lost = True
        else:
            self._is_lost = False


def _watchdog_s(variables: Mapping[str, str]) -> float:
    text = variables.get("WATCHDOG_USEC", "")
    if not (text.isascii() and text.isdigit()):
        return 0.0
    pid = variables.get("WATCHDOG_PID", "")
    # It may have been meant for the process that started this one.
    return int(text) / 1e6 if pid in {"", str(os.getpid())} else 0.0
