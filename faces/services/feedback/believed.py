"""Which caller may confirm a delete: the one that was sent it, and from where (decision 0026).

Every terminal of a site knows the site's secret and the device IDs of the others, so another one
could fetch a delete and confirm it. What it was sent is sent to the terminal as well, but nothing
that it says ends a delete.
"""

from collections.abc import Sequence
from typing import Any

from django.db.models import BigIntegerField, Case, F, Q, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from devices.services import (
    Caller,
    Whereabouts,
    address_return_settled,
    addresses_returned,
    is_token_in_force,
    whereabouts,
)
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, TerminalCursor

# ``told_token`` of a delete that only callers were sent whose word does not count.
_NONE_THAT_COUNTS = -1


def deletes_sent(*, deletes: Sequence[Delivery], cursor: TerminalCursor, caller: Caller) -> None:
    """Note that these deletes are in the answer now being given, and the caller.

    Args:
        deletes: rows of one terminal.
        cursor: its own, locked; takes in the secret it uses, and is not saved here.
        caller: who asks.
    """
    if not deletes:
        return
    now = timezone.now()
    Delivery.objects.filter(pk__in=[row.pk for row in deletes], operation=Operation.DELETE).update(
        attempts=_counted_once(),
        state=DeliveryState.SENT,
        **_confirmer_columns(cursor, caller),
        retry_at=None,
        sent_at=now,
        changed_at=now,
    )


def _counted_once() -> Case:
    """Count a try of a delete; an answer that got lost and is given again is no further one."""
    return Case(When(state=DeliveryState.SENT, then=F("attempts")), default=F("attempts") + 1)


def _confirmer_columns(cursor: TerminalCursor, caller: Caller) -> dict[str, Any]:
    """Return the columns of a delete that say who may confirm it."""
    place = whereabouts(terminal_id=cursor.terminal_id, address=caller.address)
    if place is Whereabouts.FOREIGN or _is_former(cursor, caller):
        return {"told_token": Coalesce("told_token", _token(_NONE_THAT_COUNTS))}
    cursor.token_id = caller.token_id
    columns = {"told_token": _token(caller.token_id), "told_from": Value(caller.address)}
    if place is not Whereabouts.UNKNOWN:
        return columns
    # Of callers that nothing is known of the first counts, or one with a newer secret.
    is_first = Q(told_token__isnull=True) | Q(told_token__lt=caller.token_id)
    return {name: Case(When(is_first, then=new), default=F(name)) for name, new in columns.items()}


def _token(token_id: int) -> Value:
    return Value(token_id, output_field=BigIntegerField())


def _is_former(cursor: TerminalCursor, caller: Caller) -> bool:
    """Tell whether a caller uses a secret older than the terminal's, while that one is in force."""
    return caller.token_id < cursor.token_id and is_token_in_force(cursor.token_id)


def is_believed(row: Delivery, caller: Caller) -> bool:
    """Tell whether this caller may say that a face is gone, and note if it is sent once more.

    Only the secret under which the delete was fetched counts. From another address than it was
    fetched from, the delete stays unconfirmed until it was sent once more (``deletes_repeat``), and
    from one that is not the terminal's for as long as it is heard from where it lives.
    """
    if row.operation != Operation.DELETE or row.told_token is None:
        return True
    if caller.token_id != row.told_token:
        return False
    if caller.address == row.told_from:
        return True
    if 0 < row.doubted < row.attempts:
        place = whereabouts(terminal_id=row.terminal_id, address=caller.address)
        return place is not Whereabouts.FOREIGN
    row.doubted = row.doubted or row.attempts
    return False


def confirmed_elsewhere() -> list[Q]:
    """Return conditions of deletes confirmed from elsewhere while a terminal was silent.

    Effects: each return of a terminal to its address is found once, in the caller's transaction.
    """
    found = []
    for back in addresses_returned():
        place = whereabouts(terminal_id=back.terminal_id, address=back.address)
        if place is Whereabouts.HOME:
            found.append(
                Q(
                    terminal_id=back.terminal_id,
                    operation=Operation.DELETE,
                    state=DeliveryState.STORED,
                    told_token__isnull=False,
                    answered_at__gte=back.silent_since,
                )
                & ~Q(told_from=back.address)
            )
        address_return_settled(address=back)
    return found
