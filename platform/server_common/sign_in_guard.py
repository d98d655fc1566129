"""Waits after failed sign-ins: of an account at an address, never of an account alone.

The hooks of django-axes. A caller that guesses waits longer after each failure; the
same person elsewhere, and others at the same address, do not. Nothing here ever sees a password.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from axes.handlers.base import AbstractAxesHandler, AxesBaseHandler
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone

from server_common.addresses import client_address, neighbourhood
from server_common.crypto import keyed_digest

logger = logging.getLogger(__name__)

# Stands for an account where programs show a token that is not valid.
TOKEN_ACCOUNT = "(API token)"  # noqa: S105 - a name
_FIRST_WAIT_S = 60
_LONGEST_WAIT_S = 3600
_FORGET_AFTER = timedelta(days=1)
# Any name can be invented: what is kept of them is bounded, and the oldest goes first.
KEPT_MOST = 10_000
_TRIM_EVERY = 100
_UNKNOWN_MARK = "?"
_PURPOSE = "server_common.unknown_account"
_NAME_MAX = 150


@dataclass(frozen=True, slots=True)
class Caller:
    """An account and the address from which it was named."""

    account: str
    address: str | None

    @classmethod
    def of(cls, request: HttpRequest, account: str) -> "Caller":
        """Return the caller."""
        return cls(account, client_address(request) or None)

    @property
    def place(self) -> str | None:
        """Return where failures are counted: of IPv6, a whole /64 is one place."""
        return neighbourhood(self.address or "") or None


def account_of(username: str | None) -> str:
    """Return the account of a name as it is stored and logged.

    Of a name that is no account of ours only a digest is kept: people type passwords there. It has
    to wait as an account would, or waiting would reveal which accounts exist.
    """
    name = (username or "").replace("\0", "")
    if len(name) <= _NAME_MAX and get_user_model().objects.filter(username=name).exists():
        return name
    return _UNKNOWN_MARK + keyed_digest(name, purpose=_PURPOSE)[:16]


def is_account(account: str) -> bool:
    """Tell whether what is stored names an account."""
    return not account.startswith(_UNKNOWN_MARK)


def wait_s(failures: int) -> int:
    """Return how long to wait after so many failures in a row."""
    beyond = failures - settings.AXES_FAILURE_LIMIT
    return 0 if beyond < 0 else min(_FIRST_WAIT_S * 2 ** min(beyond, 10), _LONGEST_WAIT_S)


def locked_until(attempt: AccessAttempt) -> datetime | None:
    """Return until when an account has to wait at an address; None when it need not."""
    wait = wait_s(attempt.failures_since_start)
    until = attempt.attempt_time + timedelta(seconds=wait)
    return until if wait and until > timezone.now() else None


def wait_left_s(caller: Caller) -> int:
    """Return how many seconds a caller still has to wait."""
    attempt = _attempts(caller).first()
    until = locked_until(attempt) if attempt else None
    return int((until - timezone.now()).total_seconds()) + 1 if until else 0


def failure_note(caller: Caller, *, path: str) -> int:
    """Note a failed sign-in and return how long the caller has to wait now, in seconds."""
    now = timezone.now()
    with transaction.atomic():
        attempt, _ = AccessAttempt.objects.select_for_update().get_or_create(
            username=caller.account,
            ip_address=caller.place,
            user_agent="",
            defaults={"failures_since_start": 0, "attempt_time": now, "path_info": path[:255]},
        )
        is_old = attempt.attempt_time < now - _FORGET_AFTER
        failures = 1 if is_old else attempt.failures_since_start + 1
        AccessAttempt.objects.filter(pk=attempt.pk).update(
            failures_since_start=1 if is_old else F("failures_since_start") + 1, attempt_time=now
        )
        wait = wait_s(failures)
        failure = AccessFailureLog.objects.create(
            username=caller.account,
            ip_address=caller.address,
            path_info=path[:255],
            locked_out=bool(wait),
        )
    logger.warning(
        "sign_in_failed account=%s address=%s path=%s failures=%s wait_s=%s",
        *(caller.account, caller.address, path, failures, wait),
    )
    if failure.pk % _TRIM_EVERY == 0:
        guard_trim()
    return wait


def success_note(caller: Caller) -> None:
    """Forget the failures of a caller who has shown the right password."""
    _attempts(caller).delete()


def guard_trim() -> int:
    """Forget old failures, and the oldest where there are too many; return how many."""
    now = timezone.now()
    old = [
        AccessAttempt.objects.filter(attempt_time__lt=now - _FORGET_AFTER),
        AccessFailureLog.objects.filter(attempt_time__lt=now - settings.SIGN_IN_FAILURES_KEPT),
    ]
    for model in (AccessAttempt, AccessFailureLog):
        newest = model.objects.order_by("-pk").values_list("pk", flat=True)
        last = newest[KEPT_MOST : KEPT_MOST + 1].first()
        if last is not None:
            old.append(model.objects.filter(pk__lte=last))
    return sum(rows.delete()[0] for rows in old)


def _attempts(caller: Caller) -> Any:
    return AccessAttempt.objects.filter(
        username=caller.account, ip_address=caller.place, user_agent=""
    )


class SignInGuard(AbstractAxesHandler, AxesBaseHandler):  # type: ignore[misc]
    """Handler of django-axes: asked before a sign-in, notified after it."""

    def is_locked(self, request: Any, credentials: dict[str, Any] | None = None) -> bool:
        caller = _caller(request, credentials)
        request.sign_in_wait_s = wait_left_s(caller)
        return bool(request.sign_in_wait_s)

    def get_failures(self, request: Any, credentials: dict[str, Any] | None = None) -> int:
        attempt = _attempts(_caller(request, credentials)).first()
        return attempt.failures_since_start if attempt else 0

    def user_login_failed(
        self, sender: Any, credentials: dict[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        if request is None:
            return
        caller = _caller(request, credentials)
        request.axes_credentials = credentials
        if request.axes_locked_out:
            # Not looked at, so it says nothing and makes no caller wait longer.
            logger.info("sign_in_locked account=%s address=%s", caller.account, caller.address)
            return
        request.sign_in_wait_s = failure_note(caller, path=request.path)
        request.axes_locked_out = bool(request.sign_in_wait_s)

    def user_logged_in(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        if request is not None:
            success_note(Caller.of(request, user.get_username()))

    def user_logged_out(self, sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
        """Leave it unnoted."""

    def post_save_access_attempt(self, instance: Any, **kwargs: Any) -> None:
        """Nothing follows from a row."""

    def post_delete_access_attempt(self, instance: Any, **kwargs: Any) -> None:
        """Nothing follows from a row that is gone."""


def _caller(request: HttpRequest, credentials: dict[str, Any] | None) -> Caller:
    return Caller.of(request, account_of((credentials or {}).get("username")))
