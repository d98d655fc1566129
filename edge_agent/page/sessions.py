"""Sessions of the page, in memory only: a restart ends them all."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import Final

from edge_agent.drivers import Clock

_SESSIONS_MAX: Final = 16
_IDLE_S: Final = 30 * 60.0
_WHOLE_S: Final = 12 * 3600.0
_CONFIRM_S: Final = 30.0


@dataclass(slots=True)
class _PendingOpening:
    confirm: str
    reason: str
    until_s: float


@dataclass(slots=True, eq=False)
class Session:
    """One browser that is signed in.

    Attributes:
        token: what each change must bring along, besides the cookie.
    """

    began_s: float
    used_s: float
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    _pending: _PendingOpening | None = field(default=None, repr=False)

    def ask(self, reason: str, now_s: float) -> tuple[str, float]:
        """Note a wish to open the door.

        Returns:
            What to come back with in order to do it, and for how many seconds it is good.
        """
        self._pending = _PendingOpening(secrets.token_urlsafe(16), reason, now_s + _CONFIRM_S)
        return self._pending.confirm, _CONFIRM_S

    def take_back(self, confirm: str, now_s: float) -> str | None:
        """Return and remove the stored reason; None when it was not asked or has expired."""
        pending, self._pending = self._pending, None
        if pending is None or now_s > pending.until_s or not same(confirm, pending.confirm):
            return None
        return pending.reason


class Sessions:
    """All sessions, a limited number; the longest idle one is dropped for a new one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._sessions: dict[bytes, Session] = {}

    def end_all(self) -> None:
        """End every session."""
        self._sessions.clear()

    def __len__(self) -> int:
        """How many are signed in."""
        return len(self._sessions)

    def begin(self) -> tuple[str, Session]:
        """Begin a session; returns the value of its cookie."""
        now_s = self._clock.monotonic()
        self._drop_old(now_s)
        while len(self._sessions) >= _SESSIONS_MAX:
            del self._sessions[min(self._sessions, key=lambda one: self._sessions[one].used_s)]
        cookie = secrets.token_urlsafe(32)
        session = Session(began_s=now_s, used_s=now_s)
        self._sessions[_key(cookie)] = session
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """Return the session of a cookie and mark it as used."""
        now_s = self._clock.monotonic()
        self._drop_old(now_s)
        session = self._sessions.get(_key(cookie))
        if session is not None:
            session.used_s = now_s
        return session

    def holds(self, session: Session) -> bool:
        """Whether a session still goes on, after something was waited for."""
        self._drop_old(self._clock.monotonic())
        return any(one is session for one in self._sessions.values())

    def end(self, session: Session) -> None:
        """End a session."""
        self._sessions = {key: one for key, one in self._sessions.items() if one is not session}

    def _drop_old(self, now_s: float) -> None:
        self._sessions = {
            key: one
            for key, one in self._sessions.items()
            if now_s - one.used_s <= _IDLE_S and now_s - one.began_s <= _WHOLE_S
        }


def same(sent: str, wanted: str) -> bool:
    """Compare secrets in constant time."""
    return hmac.compare_digest(_key(sent), _key(wanted))


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
