"""The sync clock of a site: in which order terminals learn of changes (decision 0002)."""

import math
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from faces.models import Person, SyncClock

# First half of the advisory locks' numbers, so that no other use of them meets a site's clock.
_LOCKS = 0x6D656E6A
_SITES = 2**31  # of the second half; two sites that met there would wait for each other, no more


def clock_advance(*, site_id: int, steps: int = 1, above: int = 0) -> int:
    """Move the site's clock and return the first of ``steps`` new stamps, in Unix seconds.

    Args:
        site_id: whose clock.
        steps: how many stamps are needed, one second apart.
        above: a stamp that the new ones must exceed, besides all that this clock gave out.

    To be called last in the transaction that makes the change: the lock it takes is held until
    commit, so a stamp that a reader can see has everything before it committed as well. A caller
    that changes people locks them before (person, gallery, clock, delivery is the order).
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("the sync clock moves only inside the transaction it stamps")
    # Serialises all changes of one site's libraries from here to their commit.
    _lock("pg_advisory_xact_lock", site_id)
    clock, _ = SyncClock.objects.select_for_update().get_or_create(site_id=site_id)
    first = max(int(timezone.now().timestamp()), clock.last_stamp + 1, above + 1)
    clock.last_stamp = first + steps - 1
    clock.save(update_fields=["last_stamp"])
    return first


def clock_advance_held(*, site_id: int, held: int, above: int = 0) -> int:
    """Move a clock that ``clock_hold`` holds in this transaction, and return the new stamp.

    Args:
        site_id: whose clock.
        held: its value, as ``clock_hold`` returned it; no other can have moved it since.
        above: a stamp that the new one must exceed besides.
    """
    stamp = max(int(timezone.now().timestamp()), held + 1, above + 1)
    moved = SyncClock.objects.filter(site_id=site_id, last_stamp=held).update(last_stamp=stamp)
    if moved != 1:
        raise RuntimeError("the sync clock was moved by a transaction that does not hold it")
    return stamp


def clock_hold(*, site_id: int) -> int:
    """Return the site's newest stamp and let no change of the site commit until this one does.

    For callers that must note what they read: no other can take it back in between.
    """
    _lock("pg_advisory_xact_lock", site_id)
    clock, _ = SyncClock.objects.select_for_update().get_or_create(site_id=site_id)
    return clock.last_stamp


def clock_share(*, site_id: int) -> None:
    """Let no change of the site commit until this transaction does, but others share the clock.

    For answers that move no clock: what is read afterwards, the newest stamp included, stays true
    until commit. A caller that shares a clock must not move it in the same transaction, because
    two of them would wait for each other.
    """
    _lock("pg_advisory_xact_lock_shared", site_id)


def _lock(function: str, site_id: int) -> None:
    """Lock a site's clock until the end of the transaction.

    An advisory lock and not the clock's row: who waits for it is served in turn, while a row that
    many share in turns keeps a writer waiting for ever, and sharing it would write the row.
    SQLite lets one writer in at a time, by itself.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s, %s)", [_LOCKS, site_id % _SITES])


def clock_last(*, site_id: int) -> int:
    """Return the newest committed stamp of the site, 0 before its first change."""
    return (
        SyncClock.objects.filter(site_id=site_id).values_list("last_stamp", flat=True).first() or 0
    )


def people_stamp(*, site_id: int, person_ids: Sequence[int]) -> int:
    """Stamp changed people so that every terminal hears of them; returns the last stamp used.

    A bulk change gets one stamp per page of an answer, because a page ends at a stamp's border.
    """
    page = settings.SYNC_PAGE_SIZE
    steps = max(1, math.ceil(len(person_ids) / page))
    first = clock_advance(site_id=site_id, steps=steps)
    for step in range(steps):
        chunk = person_ids[step * page : (step + 1) * page]
        Person.objects.filter(pk__in=chunk).update(sync_stamp=first + step)
    return first + steps - 1


class StampSpread:
    """Gives out stamps so that no terminal has more rows under one than fit into a page.

    A page of an answer ends at a stamp's border. To be used under the clock that gave ``first``.
    """

    def __init__(self, *, site_id: int, first: int) -> None:
        self._site_id = site_id
        self._stamps = [first]
        self._given = Counter[int]()

    def next(self, terminal_id: int) -> int:
        """Return the stamp of one more row of this terminal."""
        step = self._given[terminal_id] // settings.SYNC_PAGE_SIZE
        self._given[terminal_id] += 1
        if step == len(self._stamps):
            self._stamps.append(clock_advance(site_id=self._site_id))
        return self._stamps[step]
