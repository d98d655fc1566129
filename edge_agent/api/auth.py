"""Authentication of callers: address list, password, signature, five minutes (chapters 3, 4, 7).

Whether a signature that fits still counts, `accepted_calls` says.
"""

import ipaddress
import logging
import math
from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from hmac import compare_digest
from typing import Any, Final

from edge_agent.api.answers import CallRefused
from edge_agent.api.failed_attempts import FailedAttempts
from edge_agent.api.terminal_time import TerminalTime
from edge_agent.config import ApiConfig
from edge_agent.drivers import Clock
from terminal_protocol.codes import RetCode
from terminal_protocol.signature import is_fresh, is_signed

logger = logging.getLogger(__name__)

# A platform whose password was wrong and has been set right is soon heard again.
_PAUSE_MOST_S: Final = 60.0
_KNOWN_MOST_S: Final = 5.0
# 2001-09-09 to 2286: thirteen digits, as milliseconds of our time have.
_TIMESTAMP_DIGITS: Final = 13

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Authenticator:
    """Checks callers. Raises `CallRefused` with the code of the first thing that is wrong."""

    def __init__(self, config: ApiConfig, *, clock: Clock, time: TerminalTime) -> None:
        self._password = config.password
        text = config.password_expires
        self._expires = date.fromisoformat(text) if text else None
        self._networks = _networks(config.allow_from)
        self._is_any_case = config.upper_case_signatures
        self._clock = clock
        self._attempts = FailedAttempts(
            clock, pause_most_s=_PAUSE_MOST_S, known_most_s=_KNOWN_MOST_S
        )
        self._time = time

    def admit(self, remote: str | None) -> None:
        """Check the caller's address and the password's expiry: 10004, 10001, 10002.

        Args:
            remote: address of the caller; None when there is none to be known.
        """
        if self._networks and not _is_within(remote, self._networks):
            raise CallRefused(RetCode.IP_INVALID, "ip-not-allowed")
        if not self._password:
            raise CallRefused(RetCode.PASSWORD_NOT_EXIST, "password-not-set")
        if self._expires is not None and self._clock.now().astimezone().date() > self._expires:
            raise CallRefused(RetCode.PASSWORD_EXPIRED, "password-expired")

    def is_password(self, text: str) -> bool:
        """Compare a password in constant time; an empty one never fits."""
        sent, wanted = (
            sha256(one.encode("utf-8", "surrogatepass")) for one in (text, self._password)
        )
        return bool(self._password) and compare_digest(sent.digest(), wanted.digest())

    def check(
        self, parameters: Mapping[str, Any], *, remote: str | None = None, has_window: bool = True
    ) -> int:
        """Check the signature: 30003, 50001, 10005, 10003.

        Args:
            parameters: of the call, with ``timestamp`` and ``sign``.
            remote: address of the caller. After wrong signatures from it, further ones are not
                looked at for a while, which grows with each wrong one.
            has_window: False for syncTime, whose timestamp is the time to be set: a terminal whose
                clock is wrong could never be set right otherwise. `AcceptedCalls` guards it.

        Returns:
            The timestamp, Unix milliseconds.
        """
        timestamp = str(parameters.get("timestamp") or "").strip()
        signature = str(parameters.get("sign") or "").strip()
        for name, value in (("timestamp", timestamp), ("sign", signature)):
            if not value:
                raise CallRefused(RetCode.MISSING_PARAM, f"{name}: missing")
        is_number = timestamp.isascii() and timestamp.isdigit()
        if not is_number or len(timestamp) != _TIMESTAMP_DIGITS:
            raise CallRefused(RetCode.RPC_FAILED, "timestamp: not Unix milliseconds")
        self._check_signature(timestamp, signature, remote or "")
        timestamp_ms = int(timestamp)
        if has_window:
            if not is_fresh(timestamp_ms, self._time.now_ms()):
                raise CallRefused(RetCode.REQUEST_EXPIRED, "request-expired")
            # Not by a signature that may be as old as one likes: it tells of no password known now.
            self._attempts.succeeded(remote or "")
        return timestamp_ms

    def _check_signature(self, timestamp: str, signature: str, remote: str) -> None:
        pause_s = self._attempts.pause_s(remote)
        if pause_s > 0:
            text = f"sign-invalid too often; wait {math.ceil(pause_s)} s"
            raise CallRefused(RetCode.SIGNATURE_FAILED, text)
        # Nothing is awaited between looking and counting, so a hundred at once are a hundred.
        if not is_signed(timestamp, signature, self._password, any_case=self._is_any_case):
            self._attempts.failed(remote)
            logger.warning("api_signature_wrong remote=%s", remote)
            raise CallRefused(RetCode.SIGNATURE_FAILED, "sign-invalid")


def _networks(texts: Sequence[str]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(one, strict=False) for one in texts)


def _is_within(remote: str | None, networks: Sequence[Network]) -> bool:
    try:
        address = ipaddress.ip_address((remote or "").partition("%")[0])
    except ValueError:
        return False
    # An IPv4 caller at a socket that listens on both looks like ::ffff:192.168.1.5.
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in network for network in networks)
