"""Where terminals have called from: every address once, and when it was last heard.

Written by the presence flush, not per request.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from django.db import transaction
from django.utils import timezone

from devices.models import Terminal, TerminalAddress
from devices.services.presence.homes import HEARD_WITHIN, is_silent

# By terminal and address: when it called from there first since this was taken last, Unix seconds.
AddressesSeen = dict[tuple[int, str], float]


def addresses_remember(seen: AddressesSeen) -> None:
    """Enter the addresses that terminals had not called from before, and that others were heard."""
    ids = sorted({terminal_id for terminal_id, _ in seen})
    for start in range(0, len(ids), 500):
        part = Terminal.objects.filter(pk__in=ids[start : start + 500])
        known: dict[int, list[TerminalAddress]] = {
            pk: [] for pk in part.values_list("pk", flat=True)
        }
        for row in TerminalAddress.objects.filter(terminal__in=known):
            known[row.terminal_id].append(row)
        on_file = {(row.terminal_id, row.address) for rows in known.values() for row in rows}
        _enter(
            sorted(
                (at, terminal_id, address)
                for (terminal_id, address), at in seen.items()
                if terminal_id in known and (terminal_id, address) not in on_file
            ),
            at_home={pk for pk, rows in known.items() if rows},
        )
        for rows in known.values():
            _note_returns(rows, seen)
        _note_heard([row for rows in known.values() for row in rows], seen)


def _enter(new: list[tuple[float, int, str]], *, at_home: set[int]) -> None:
    """Enter addresses in the order in which they were called from.

    Args:
        new: when, which terminal, where from.
        at_home: terminals whose first address is known; the first one of others is where they
            live, and raises no alarm.
    """
    rows = []
    for at, terminal_id, address in new:
        moment = datetime.fromtimestamp(at, UTC)
        rows.append(
            TerminalAddress(
                terminal_id=terminal_id,
                address=address,
                first_seen_at=moment,
                last_seen_at=moment,
                is_settled=terminal_id not in at_home,
            )
        )
        at_home.add(terminal_id)
    TerminalAddress.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)


def _note_heard(rows: Sequence[TerminalAddress], seen: AddressesSeen) -> None:
    now = timezone.now()
    stale = [
        row.pk
        for row in rows
        if (row.terminal_id, row.address) in seen
        and (row.last_seen_at is None or row.last_seen_at < now - HEARD_WITHIN)
    ]
    TerminalAddress.objects.filter(pk__in=stale).update(last_seen_at=now)


def _note_returns(rows: Sequence[TerminalAddress], seen: AddressesSeen) -> None:
    """Note which of a terminal's addresses are heard again after only others were."""
    if len(rows) < 2:
        return
    for row in rows:
        at = seen.get((row.terminal_id, row.address))
        before = row.last_seen_at
        if at is None or before is None or row.silent_since is not None:
            continue
        is_back = is_silent(before, at=datetime.fromtimestamp(at, UTC))
        if is_back and any(one.last_seen_at and one.last_seen_at > before for one in rows):
            TerminalAddress.objects.filter(pk=row.pk).update(silent_since=before)


@transaction.atomic
def addresses_settle() -> list[TerminalAddress]:
    """Return addresses that were new to known terminals, each once, terminal and site loaded."""
    # Serialises two sweeps at once: each address is returned by one of them.
    new = list(
        TerminalAddress.objects.select_for_update(of=("self",))
        .select_related("terminal__site")
        .filter(is_settled=False)
        .order_by("pk")[:500]
    )
    TerminalAddress.objects.filter(pk__in=[row.pk for row in new]).update(is_settled=True)
    return new
