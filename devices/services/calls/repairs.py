"""Counts of a terminal's messages that had to be repaired before they could be read."""

from collections.abc import Collection

from django.db.models import F
from django.utils import timezone

from devices.models import RepairCount


def repairs_count(*, terminal_id: int, repairs: Collection[str]) -> None:
    """Count each kind of repair of one upload (words of ``BodyReading.repairs``).

    Right when uploads arrive at once; a sound body costs nothing.
    """
    now = timezone.now()
    for kind in sorted(set(repairs)):
        rows = RepairCount.objects.filter(terminal_id=terminal_id, kind=kind)
        if rows.update(count=F("count") + 1, last_at=now):
            continue
        # Another process may make the row in between; then there are two to be counted.
        RepairCount.objects.bulk_create(
            [RepairCount(terminal_id=terminal_id, kind=kind, count=0, first_at=now, last_at=now)],
            ignore_conflicts=True,
        )
        rows.update(count=F("count") + 1, last_at=now)
