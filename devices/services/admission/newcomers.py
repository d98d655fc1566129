"""Terminals that appear by themselves: how many a site takes in without approval.

A caller that knows a site's address can invent device IDs. Of those that a site approves by itself
there are so many an hour and no more, of those that wait for approval so many at all. Those that
were not heard for a day make room, and where there is none left, those of a place from which many
come; so a terminal that was really put up always finds some.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Site, Terminal
from server_common.addresses import neighbourhood

# A caller who guesses device ids must not be able to fill the database with pending terminals.
PENDING_MAX_PER_SITE = 1000
# A terminal calls every minute or so; one that was silent for so long is not being put up now.
WAITING_SECONDS = 24 * 3600
# Of one place (``neighbourhood``): a part of the whole is never in another one's way.
_PLACE_PART = 10
# A terminal that is being put up calls more often than that.
_DISPLACED_AFTER = timedelta(minutes=15)
# Longer than what is heard last of a terminal takes to be written; a real one goes on calling.
_ONCE = timedelta(minutes=5)
# What happens within one request, on clocks of two machines.
_AT_ONCE = timedelta(seconds=10)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Flood:
    """More terminals have appeared at a site within an hour than it expects."""

    site_id: int
    newcomers: int


def is_flooded(site: Site) -> bool:
    """Tell whether a site has had as many newcomers within the hour as it takes by itself."""
    since = timezone.now() - _HOUR
    rows = Terminal.objects.filter(site=site, created_at__gt=since)
    return rows.order_by()[: site.newcomers_per_hour].count() >= site.newcomers_per_hour


def has_room(site: Site, *, address: str, most: int) -> bool:
    """Tell whether one more newcomer may wait for approval at a site.

    Args:
        site: locked against other newcomers.
        address: where it calls from. Of a place that holds less than a tenth of the room they are
            taken in beyond it, as many again, until those of a flood are displaced.
        most: how many wait at most.
    """
    waiting = _waiting(site, now=timezone.now())
    count = waiting.count()
    if count < most:
        return True
    places = _places(waiting)
    return count < 2 * most and places[neighbourhood(address)] < most // _PLACE_PART


def displaced_newcomers(*, now: datetime | None = None) -> list[Terminal]:
    """Return newcomers that make room where as many wait as may, the longest silent first.

    They are those of places that hold more than their part, and that have stopped calling.
    """
    now = now or timezone.now()
    full = (
        Terminal.objects.filter(_is_waiting(now))
        .order_by()
        .values("site_id")
        .annotate(waiting=Count("pk"))
        .filter(waiting__gte=PENDING_MAX_PER_SITE)
    )
    found: list[Terminal] = []
    for site in Site.objects.filter(pk__in=full.values("site_id")).order_by("pk"):
        waiting = _waiting(site, now=now)
        places = _places(waiting)
        silent = waiting.filter(_is_untouched(), last_seen_at__lte=now - _DISPLACED_AFTER)
        for terminal in silent.order_by("last_seen_at", "pk"):
            place = neighbourhood(terminal.last_address or "")
            if places[place] > PENDING_MAX_PER_SITE // _PLACE_PART:
                places[place] -= 1
                found.append(terminal)
    return found


def _waiting(site: Site, *, now: datetime) -> QuerySet[Terminal]:
    return Terminal.objects.filter(site=site).filter(_is_waiting(now)).order_by()


def _places(waiting: QuerySet[Terminal]) -> Counter[str]:
    addresses = waiting.values_list("last_address", flat=True)
    return Counter(neighbourhood(address or "") for address in addresses)


def came_with_flood(terminal: Terminal) -> bool:
    """Tell whether a terminal appeared by itself among too many others and then fell silent.

    One alarm says of all of them that they came; each by itself is none. A terminal that goes on
    calling, or that a user has named or approved, is one like others.
    """
    created_at, approved_at = terminal.created_at, terminal.approved_at
    seen_at = terminal.last_seen_at or created_at
    is_known = terminal.name or terminal.notes or terminal.api_address
    is_chosen = approved_at is not None and approved_at > created_at + _AT_ONCE
    is_once = created_at - _AT_ONCE <= seen_at <= created_at + _ONCE
    if is_known or is_chosen or not is_once:
        return False
    around = (created_at - _HOUR, created_at + _HOUR)
    others = Terminal.objects.filter(site_id=terminal.site_id, created_at__range=around)
    return others.count() > terminal.site.newcomers_per_hour


def count_without_flood(terminals: QuerySet[Terminal]) -> int:
    """Count those of terminals of which ``came_with_flood`` is false, of thousands as well."""
    once = terminals.filter(_is_once()).order_by("created_at")
    came: dict[int, list[datetime]] = {}
    for site_id, created_at in once.values_list("site_id", "created_at"):
        came.setdefault(site_id, []).append(created_at)
    with_flood = 0
    for site in Site.objects.filter(pk__in=came):
        all_of_site = Terminal.objects.filter(site=site).order_by("created_at")
        times = list(all_of_site.values_list("created_at", flat=True))
        with_flood += sum(
            bisect_right(times, at + _HOUR) - bisect_left(times, at - _HOUR)
            > site.newcomers_per_hour
            for at in came[site.pk]
        )
    return terminals.count() - with_flood


def _is_once() -> Q:
    """Select what appeared by itself, called for minutes, and was given no name since."""
    created = F("created_at")
    is_chosen = Q(approved_at__gt=created + _AT_ONCE, approved_at__isnull=False)
    is_heard_once = Q(last_seen_at__gte=created - _AT_ONCE, last_seen_at__lte=created + _ONCE)
    is_unknown = Q(name="", notes="", api_address="")
    return is_unknown & ~is_chosen & (is_heard_once | Q(last_seen_at__isnull=True))


def _is_waiting(now: datetime) -> Q:
    since = now - timedelta(seconds=WAITING_SECONDS)
    # Of one that was not heard since it was entered only that is known.
    is_heard = Q(last_seen_at__gt=since) | Q(last_seen_at__isnull=True, created_at__gt=since)
    return is_heard & Q(status=TerminalStatus.PENDING)


def floods(*, now: datetime | None = None) -> list[Flood]:
    """Return the sites at which more terminals appear than expected, or too many wait."""
    now = now or timezone.now()
    lately = Q(terminals__created_at__gt=now - _HOUR)
    rows = (
        Site.objects.filter(lately)
        .annotate(newcomers=Count("terminals"))
        .filter(newcomers__gt=F("newcomers_per_hour"))
        .order_by("pk")
    )
    return [Flood(pk, count) for pk, count in rows.values_list("pk", "newcomers")]


def newcomers_since(*, site_id: int, since: datetime) -> int:
    """Count the terminals that have appeared at a site from an hour before that moment on."""
    return Terminal.objects.filter(site_id=site_id, created_at__gt=since - _HOUR).count()


def silent_newcomers(*, now: datetime | None = None) -> QuerySet[Terminal]:
    """Return terminals that appeared, were never approved and were not heard for a day.

    What a user has entered or named is theirs and stays.
    """
    since = (now or timezone.now()) - timedelta(seconds=WAITING_SECONDS)
    return Terminal.objects.filter(
        _is_untouched(), status=TerminalStatus.PENDING, last_seen_at__lte=since
    )


def _is_untouched() -> Q:
    return Q(approved_at__isnull=True, name="", notes="", api_address="")
