"""Calls of terminals: limited, counted and noted in one go.

What every request of a terminal needs of the store of calls (its rate and its address's, that it
was heard, of an idle exchange the latest, whether address or cursor turned) are steps of one run.
"""

import logging
import time

from django.conf import settings

from devices.services.calls.callers import turn_step
from devices.services.calls.limits import Limit, bucket
from devices.services.calls.recorder import Exchange, exchange_step
from devices.services.calls.remembered import AdmissionOutdated, mark_check, mark_learn
from devices.services.presence import Sighting, sighting_steps
from server_common.addresses import neighbourhood
from server_common.call_store import CallStoreAway, Moved, Step, call_store
from server_common.process_state import RareComplaint

logger = logging.getLogger(__name__)

_COMPLAIN_EVERY_S = 60
_CURSOR_DIGITS = 19
_complaint = RareComplaint(_COMPLAIN_EVERY_S)


def call_taken(
    *,
    terminal_id: int,
    address: str,
    used_token: bool,
    idle: Exchange | None = None,
    asked: str = "",
    mark: str | None = None,
) -> bool:
    """Tell whether an admitted terminal may call now; if so, note that it was heard.

    Its own bucket is asked first.

    Args:
        terminal_id: who calls.
        address: where from, may be empty.
        used_token: whether it came under the site's secret address.
        idle: the exchange itself when it is an idle one and its answer is known already; kept as
            ``exchange_keep`` would.
        asked: the cursor of a poll as it was sent, whatever that is.
        mark: of what the caller was admitted by from memory.

    Raises:
        AdmissionOutdated: something has changed since; nothing is counted or noted.

    While the store is away every caller is let through and nothing is noted.
    """
    now = time.time()
    steps: list[Step] = [] if mark is None else [mark_check(mark)]
    steps.append(bucket(f"terminal:{terminal_id}", Limit(*settings.TERMINAL_RATE)))
    if place := neighbourhood(address):
        steps.append(bucket(f"address:{place}", Limit(*settings.ADDRESS_RATE)))
    steps += sighting_steps(terminal_id, Sighting(now, address, used_token))
    if idle is not None:
        steps.append(exchange_step(terminal_id, idle, is_idle=True))
    if address:
        steps.append(turn_step(terminal_id, "address", address))
    if cursor := _cursor_of(asked):
        steps.append(turn_step(terminal_id, "cursor", cursor))
    try:
        return call_store().run(steps, now=now)
    except Moved as moved:
        mark_learn(moved.value)
        raise AdmissionOutdated from moved
    except CallStoreAway:
        _complain()
        return True


def _cursor_of(asked: str) -> str:
    """Return a cursor by which callers can be told apart; a factory reset sends 0."""
    digits = asked.strip()
    is_cursor = digits.isdecimal() and len(digits) <= _CURSOR_DIGITS
    return str(int(digits) or "") if is_cursor else ""


def _complain() -> None:
    if _complaint.is_due():
        logger.exception("rate_limits_away everybody is let through, presence is not noted")
