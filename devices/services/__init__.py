"""All writes to sites and terminals, and the admission of callers."""

from .admission import Admission, Refusal, admit, admit_heartbeat
from .clocks import CLOCK_TOLERANCE_S, ClockTurn, clock_judge
from .limits import stranger_may_call, terminal_may_call
from .presence import (
    PresenceTurn,
    addresses_settle,
    presence_flush,
    presence_last_seen,
    presence_seen,
    presence_sweep,
)
from .recorder import Answered, Exchange, exchange_keep, exchanges_last, masked
from .repairs import repairs_count
from .sites import site_change, site_create, site_token_rotate
from .terminals import terminal_approve, terminal_describe, terminal_disable
from .tokens import api_token_create, api_token_revoke, api_token_user

__all__ = [
    "CLOCK_TOLERANCE_S",
    "Admission",
    "Answered",
    "ClockTurn",
    "Exchange",
    "PresenceTurn",
    "Refusal",
    "addresses_settle",
    "admit",
    "admit_heartbeat",
    "api_token_create",
    "api_token_revoke",
    "api_token_user",
    "clock_judge",
    "exchange_keep",
    "exchanges_last",
    "masked",
    "presence_flush",
    "presence_last_seen",
    "presence_seen",
    "presence_sweep",
    "repairs_count",
    "site_change",
    "site_create",
    "site_token_rotate",
    "stranger_may_call",
    "terminal_approve",
    "terminal_describe",
    "terminal_disable",
    "terminal_may_call",
]
