"""Terminals that appear by themselves: how many a site takes in before somebody is asked.

Whoever knows a site's address can invent device IDs. Of those that a site approves by itself there
are so many an hour and no more, of those that wait for approval so many at all; what was not heard
for a day makes room, so that a terminal that was really put up always finds some.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Site, Terminal

# Somebody who guesses device ids must not be able to fill the database with pending terminals.
PENDING_MAX_PER_SITE = 1000
# A terminal calls every minute or so; one that was silent for so long is not being put up now.
WAITING_SECONDS = 24 * 3600
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


def waiting_count(site: Site) -> int:
    """Count a site's terminals that wait for approval and were heard lately."""
    return Terminal.objects.filter(site=site).filter(_is_waiting(timezone.now())).count()


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

    What somebody has entered or named is theirs and stays.
    """
    since = (now or timezone.now()) - timedelta(seconds=WAITING_SECONDS)
    return Terminal.objects.filter(
        status=TerminalStatus.PENDING,
        approved_at__isnull=True,
        last_seen_at__lte=since,
        name="",
        notes="",
        api_address="",
    )
