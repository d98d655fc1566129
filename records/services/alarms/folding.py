"""Floods of alerts: one that counts in place of thousands.

When a site has so many active alerts of one kind, further ones are counted on a single alert of
that kind, which names no terminal and no person. What they were about is still there: on the
records, and in the list of terminals.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from devices.choices import Presence, TerminalStatus
from devices.models import Terminal
from devices.services import count_without_flood, floods, newcomers_since
from records.choices import AlertKind, AlertState, Severity
from records.live import alert_message
from records.models import Alert
from records.models.alert import LASTING
from server_common.on_commit import group_send_on_commit


@dataclass(frozen=True, slots=True)
class _Limit:
    """From ``count`` active alerts on, raised ``within`` that time if it is given."""

    count: int
    within: timedelta | None = None


_HOUR = timedelta(hours=1)
# Of terminals, a screen full; when they went silent may be long ago when it is noticed.
_LIMITS: Mapping[AlertKind, _Limit | None] = {
    AlertKind.TERMINAL_OFFLINE: _Limit(20),
    AlertKind.CLOCK_SKEW: _Limit(20),
    AlertKind.NEW_ADDRESS: _Limit(20, _HOUR),
    # A printed photo is held up again and again.
    AlertKind.PHOTO_SENT_BACK: _Limit(5, _HOUR),
    # Says by what two terminals were told apart, and takes a long time to come about.
    AlertKind.SHARED_ID: None,
    AlertKind.TERMINAL_FLOOD: None,
}
# Of people: no user goes through a hundred in an hour.
_LIMIT_OF_PEOPLE = _Limit(100, _HOUR)

# Which terminals a folded alert of a lasting cause goes on about.
_STILL = {
    AlertKind.TERMINAL_OFFLINE: Q(status=TerminalStatus.APPROVED, presence=Presence.OFFLINE),
    AlertKind.CLOCK_SKEW: ~Q(status=TerminalStatus.DISABLED) & Q(clock_is_wrong=True),
}


def alert_announce(alert: Alert) -> None:
    """Tell live screens of an alert, after the commit."""
    group_send_on_commit(f"live.{alert.site_id}", {"type": "live.alert", **alert_message(alert)})


def is_flood(*, kind: AlertKind, site_id: int, now: datetime) -> bool:
    """Tell whether a site has so many alerts of a kind that one more says nothing by itself."""
    limit = _LIMITS.get(kind, _LIMIT_OF_PEOPLE)
    if limit is None:
        return False
    rows = Alert.objects.filter(site_id=site_id, kind=kind, state=AlertState.ACTIVE, folded=0)
    if limit.within is not None:
        rows = rows.filter(raised_at__gt=now - limit.within)
    return rows.order_by()[: limit.count].count() >= limit.count


@transaction.atomic
def folded_add(*, kind: AlertKind, severity: Severity, site_id: int, at: datetime) -> Alert:
    """Count one more on the site's folded alert of a kind, making it if it is the first."""
    alert, is_new = Alert.objects.get_or_create(
        site_id=site_id,
        kind=kind,
        folded__gt=0,
        state__in=[AlertState.ACTIVE, AlertState.ACKNOWLEDGED],
        defaults={"state": AlertState.ACTIVE, "severity": severity, "folded": 1, "raised_at": at},
    )
    if not is_new:
        Alert.objects.filter(pk=alert.pk).update(folded=F("folded") + 1)
        alert.refresh_from_db(fields=["folded"])
    # A screen needs no line for each: 1, 2, 4, 8 … and what a page that is loaded anew shows.
    if alert.folded & (alert.folded - 1) == 0:
        alert_announce(alert)
    return alert


def folded_settle() -> None:
    """Bring the counts of lasting floods up to date, and clear those that are over.

    Clears as well what was raised about a terminal that has been deleted meanwhile.
    """
    lasting = Alert.objects.exclude(state=AlertState.CLEARED).filter(kind__in=LASTING)
    for alert in lasting.filter(terminal__isnull=True).order_by("pk"):
        _count_set(alert, _still(alert) if alert.folded else 0)


def floods_watch(*, now: datetime | None = None) -> None:
    """Raise, count and clear the alert on more new terminals than a site expects."""
    now = now or timezone.now()
    found = {flood.site_id: flood for flood in floods(now=now)}
    open_ones = Alert.objects.filter(kind=AlertKind.TERMINAL_FLOOD).exclude(
        state=AlertState.CLEARED
    )
    known = {alert.site_id: alert for alert in open_ones.order_by("pk")}
    for site_id, flood in found.items():
        alert = known.get(site_id)
        if alert is None:
            _flood_raise(site_id, flood.newcomers, now)
        else:
            _count_set(alert, newcomers_since(site_id=site_id, since=alert.raised_at))
    for site_id in known.keys() - found.keys():
        _count_set(known[site_id], 0)


def _flood_raise(site_id: int, count: int, now: datetime) -> None:
    alert, is_new = Alert.objects.get_or_create(
        site_id=site_id,
        kind=AlertKind.TERMINAL_FLOOD,
        folded__gt=0,
        state__in=[AlertState.ACTIVE, AlertState.ACKNOWLEDGED],
        defaults={
            "state": AlertState.ACTIVE,
            "severity": Severity.WARNING,
            "folded": count,
            "raised_at": now,
        },
    )
    if is_new:
        alert_announce(alert)


def _still(alert: Alert) -> int:
    """Count the terminals that have no alert of their own and are still as a folded one says.

    Those that came with a flood of newcomers raise no alert when they fall silent.
    """
    own = Alert.objects.filter(terminal=OuterRef("pk"), kind=alert.kind).exclude(
        state=AlertState.CLEARED
    )
    rows = Terminal.objects.filter(_STILL[AlertKind(alert.kind)], site_id=alert.site_id)
    rows = rows.filter(~Exists(own))
    if alert.kind == AlertKind.TERMINAL_OFFLINE:
        return count_without_flood(rows)
    return rows.count()


@transaction.atomic
def _count_set(alert: Alert, count: int) -> None:
    locked = Alert.objects.select_for_update(of=("self",)).get(pk=alert.pk)
    if locked.state == AlertState.CLEARED or (count and count == locked.folded):
        return
    if count:
        locked.folded = count
    else:
        locked.state, locked.cleared_at = AlertState.CLEARED, timezone.now()
    locked.save(update_fields=["folded", "state", "cleared_at"])
    alert_announce(locked)
