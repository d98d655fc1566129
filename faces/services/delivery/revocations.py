"""Revocations: how long it takes until the last door has forgotten a person (invariant 6)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.utils import timezone

from faces.choices import DeliveryState, Operation, RevocationState
from faces.models import Delivery, Revocation
from faces.services.delivery.policy import DELETE_ATTEMPTS


def revocations_begin(*, site_id: int, rows: Sequence[Delivery]) -> None:
    """Note that terminals are to forget the people of these rows; called under the site's clock.

    One that is still open for the same user id takes the new doors in, so that the time is
    counted from when the first of them should have forgotten.
    """
    now = timezone.now()
    user_ids = sorted({row.user_id for row in rows})
    # Locked: a confirmation of the last delete of one must not end it in between.
    # Only the clock's holder makes new ones, so none appears beside these.
    still_open = (
        Revocation.objects.select_for_update()
        .filter(site_id=site_id, user_id__in=user_ids, ended_at__isnull=True)
        .order_by("pk")
    )
    opened = {row.user_id: row for row in still_open}
    opened |= {
        row.user_id: row
        for row in Revocation.objects.bulk_create(
            Revocation(site_id=site_id, user_id=user_id, begun_at=now)
            for user_id in user_ids
            if user_id not in opened
        )
    }
    # Those that joined an open one before are not counted again.
    joining = [row for row in rows if row.revocation_id != opened[row.user_id].pk]
    of_person = Revocation.objects.filter(
        site_id=site_id, user_id=OuterRef("user_id"), ended_at__isnull=True
    )
    Delivery.objects.filter(pk__in=[row.pk for row in joining]).update(
        revocation=Subquery(of_person.values("pk")[:1])
    )
    doors = Counter(opened[row.user_id].pk for row in joining)
    by_doors = defaultdict[int, list[int]](list)
    for pk, more in doors.items():
        by_doors[more].append(pk)
    for more, keys in by_doors.items():
        Revocation.objects.filter(pk__in=keys).update(
            doors=F("doors") + more, state=RevocationState.OPEN
        )


def revocations_settle(revocation_ids: Collection[int | None]) -> None:
    """End those of these that no door owes anything any more; safe to repeat.

    To be called in the transaction that changed their deliveries, after them.
    """
    wanted = {pk for pk in revocation_ids if pk is not None}
    if not wanted:
        return
    with transaction.atomic():
        # Serialises the last two doors that confirm at once; each would see the other one owing.
        rows = Revocation.objects.select_for_update().filter(pk__in=wanted, ended_at__isnull=True)
        for revocation in rows.order_by("pk"):
            _settle(revocation)


def revocations_reopen(revocation_ids: Collection[int | None]) -> None:
    """Let these go on whose end is doubted; one that was begun anew meanwhile goes on instead."""
    wanted = [pk for pk in revocation_ids if pk is not None]
    ended = Revocation.objects.filter(pk__in=wanted, state=RevocationState.FORGOTTEN)
    newer = Revocation.objects.filter(
        site_id=OuterRef("site_id"), user_id=OuterRef("user_id"), pk__gt=OuterRef("pk")
    )
    ended.filter(~Exists(newer)).update(state=RevocationState.OPEN, ended_at=None)


def _settle(revocation: Revocation) -> None:
    deletes = Delivery.objects.filter(revocation=revocation, operation=Operation.DELETE)
    owing = deletes.exclude(state=DeliveryState.STORED)
    if owing.exists():
        given_up = not owing.filter(Q(attempts__lt=DELETE_ATTEMPTS) | Q(remedy="")).exists()
        revocation.state = RevocationState.UNCONFIRMED if given_up else RevocationState.OPEN
        revocation.save(update_fields=["state"])
        return
    confirmed = deletes.filter(state=DeliveryState.STORED).exists()
    revocation.state = RevocationState.FORGOTTEN if confirmed else RevocationState.WITHDRAWN
    revocation.ended_at = timezone.now()
    revocation.save(update_fields=["state", "ended_at"])
