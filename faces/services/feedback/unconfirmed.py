"""Faces that a terminal was sent and has not answered for in its site's time (seed 9.4).

Terminals answer with a syresult, once for each face or once for a batch, and some not at all. A
face without an answer is sent again to a terminal that is known to answer. What a terminal has
confirmed is never asked for again: an answer settles the row whenever it comes (``feedback``).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, When
from django.utils import timezone

from devices.models import Site
from faces.choices import SAVE_REPEATS, DeliveryState, Operation
from faces.models import Delivery, TerminalCursor
from faces.services.clock import StampSpread, clock_advance, clock_hold

# In one run of the sweep: the site's clock is held while they are written.
AT_ONCE = 2000


def deliveries_unconfirm(*, now: datetime | None = None, limit: int = AT_ONCE) -> int:
    """Mark faces without an answer in time, and send them again; returns how many.

    Each face is sent again ``SAVE_REPEATS`` times and then stays unconfirmed. A terminal that never
    sent a result is sent nothing again. Safe to run twice: what comes second finds no row that
    is still waiting.

    Args:
        now: the moment by which the sites' time for answers is counted.
        limit: of rows in this run, the longest unanswered ones first.
    """
    now = now or timezone.now()
    waits = Site.objects.order_by().values_list("unconfirmed_after_s", flat=True).distinct()
    marked = 0
    for wait_s in sorted(waits):
        until = now - timedelta(seconds=wait_s)
        by_site = defaultdict[int, list[int]](list)
        for pk, site_id in _overdue(wait_s, until, limit - marked):
            by_site[site_id].append(pk)
        # Site by site: one site's clock is not held while another one's is waited for.
        marked += sum(_mark(site_id, by_site[site_id], until, now) for site_id in sorted(by_site))
    return marked


def _overdue(wait_s: int, until: datetime, limit: int) -> list[tuple[int, int]]:
    """Return (row, site) of those that are due at sites with this time for answers."""
    here = Q(terminal__site__unconfirmed_after_s=wait_s)
    unanswered = Delivery.objects.filter(here, _unanswered(until)).order_by("sent_at", "pk")
    found = list(unanswered.values_list("pk", "terminal__site_id")[:limit])
    # Of terminals that have begun to report: what came before is to be answered for as well.
    silent = Delivery.objects.filter(terminal=OuterRef("terminal"), state=DeliveryState.FETCHED)
    began = TerminalCursor.objects.filter(here, Exists(silent), reported_at__lt=until)
    for terminal_id, site_id in began.order_by("pk").values_list("pk", "terminal__site_id"):
        if len(found) >= limit:
            break
        rows = Delivery.objects.filter(terminal=terminal_id, state=DeliveryState.FETCHED)
        ids = rows.order_by("pk").values_list("pk", flat=True)[: limit - len(found)]
        found += [(pk, site_id) for pk in ids]
    return found


def _unanswered(until: datetime) -> Q:
    return Q(operation=Operation.SAVE, state=DeliveryState.SENT, sent_at__lt=until)


@transaction.atomic
def _mark(site_id: int, ids: Collection[int], until: datetime, now: datetime) -> int:
    clock_hold(site_id=site_id)
    # Read again under the clock and locked: an answer may have come, or another sweep.
    rows = list(
        Delivery.objects.select_for_update()
        .filter(_unanswered(until) | Q(state=DeliveryState.FETCHED), pk__in=ids)
        .order_by("pk")
    )
    terminals = {row.terminal_id for row in rows}
    known = TerminalCursor.objects.filter(terminal__in=terminals, reported_at__isnull=False)
    reporting = set(known.values_list("pk", flat=True))
    silent = [row.pk for row in rows if row.terminal_id not in reporting]
    _rows(silent).update(state=DeliveryState.FETCHED, changed_at=now)
    asked = [row for row in rows if row.terminal_id in reporting]
    _rows(row.pk for row in asked if row.unanswered >= SAVE_REPEATS).update(
        state=DeliveryState.UNCONFIRMED, unanswered=SAVE_REPEATS + 1, changed_at=now
    )
    _tell_again(site_id, [row for row in asked if row.unanswered < SAVE_REPEATS], now)
    return len(rows)


def _tell_again(site_id: int, rows: Collection[Delivery], now: datetime) -> None:
    if not rows:
        return
    spread = StampSpread(site_id=site_id, first=clock_advance(site_id=site_id))
    by_stamp = defaultdict[int, list[int]](list)
    for row in rows:
        by_stamp[spread.next(row.terminal_id)].append(row.pk)
    for stamp, ids in by_stamp.items():
        _rows(ids).update(
            state=DeliveryState.UNCONFIRMED,
            again_before=Case(When(unanswered=0, then=F("again_stamp")), default=F("again_before")),
            again_stamp=stamp,
            unanswered=F("unanswered") + 1,
            changed_at=now,
        )


def _rows(ids: Iterable[int]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk__in=list(ids))
