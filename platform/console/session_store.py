"""Session engine that stores digests of keys, so that a copy of the database is no sign-in.

The cookie holds a random key; the database holds its digest under SECRET_KEY. How long a session
is good for is decided here at every reading, by the moments of its row.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from console.models import BrowserSession, sessions_over
from server_common.on_commit import group_send_on_commit

_PURPOSE = "menjin.session"


def session_digest(key: str) -> str:
    """Return the digest by which a session is found."""
    return salted_hmac(_PURPOSE, key, algorithm="sha256").hexdigest()


def sockets_recheck(user_id: int) -> None:
    """Have the open live pages of a user check at once whether they are still signed in."""
    group_send_on_commit(f"live.user.{user_id}", {"type": "live.recheck"})


class SessionStore(SessionBase):
    """One browser's session.

    Attributes:
        is_watching: also read a session that only an open live page keeps; set for requests of
            that page, never for others.
        is_use: reading it counts as use, which puts off the end for idleness.
    """

    is_watching = False
    is_use = True

    @property
    def key_salt(self) -> str:
        return _PURPOSE

    def load(self) -> dict[str, Any]:
        now = timezone.now()
        row = BrowserSession.objects.filter(digest=session_digest(self.session_key or "")).first()
        is_full = row is not None and row.is_full(now)
        if row is None or not (is_full or (self.is_watching and row.is_watched(now))):
            self._session_key = None
            return {}
        if is_full and self.is_use and now - row.used_at >= settings.SESSION_IDLE / 100:
            BrowserSession.objects.filter(digest=row.digest, used_at__lt=now).update(used_at=now)
        data: dict[str, Any] = self.decode(row.data)
        return data

    def exists(self, session_key: str) -> bool:
        return BrowserSession.objects.filter(digest=session_digest(session_key)).exists()

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()  # type: ignore[attr-defined]
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 - Django's signature
        if self.session_key is None:
            return self.create()
        data = self._get_session(no_load=must_create)  # type: ignore[attr-defined]
        digest = session_digest(self.session_key or "")
        content = {"data": self.encode(data), "user_id": data.get(SESSION_KEY)}
        if not must_create:
            if not BrowserSession.objects.filter(digest=digest).update(**content):
                raise UpdateError
            return None
        now = timezone.now()
        try:
            with transaction.atomic():
                BrowserSession.objects.create(digest=digest, started_at=now, used_at=now, **content)
        except IntegrityError as error:
            raise CreateError from error
        return None

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is None:
            return
        rows = BrowserSession.objects.filter(digest=session_digest(key))
        user_id = rows.values_list("user_id", flat=True).first()
        if rows.delete()[0] and user_id is not None:
            sockets_recheck(user_id)

    @classmethod
    def clear_expired(cls) -> None:
        BrowserSession.objects.filter(sessions_over()).delete()
