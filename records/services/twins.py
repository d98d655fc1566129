"""The same pass by two ways: uploaded by the terminal, and fetched from it or pushed by it.

Both ways name the moment and the person, and nobody passes one terminal twice in one second. The
upload is the one that was decided about, so it takes the place of what was fetched before; what
is fetched after an upload is known already.

Races are settled by the terminal's row: an upload holds it in the weakest way, so that uploads do
not wait for each other, and who stores something fetched takes it for himself. Both do so between
their picture and their record, so one of two that store a pass at once always sees the other.
"""

from datetime import timedelta

from django.db import connection
from django.db.models import QuerySet

from devices.models import Terminal
from records.choices import AlertState, Origin
from records.models import Alert, Record

# The terminal's own list may round the moment of somebody it knows otherwise than its upload.
_KNOWN_WITHIN = timedelta(seconds=1)
_SECOND = timedelta(seconds=1)


def twins(record: Record) -> QuerySet[Record]:
    """Return other records of the same pass; none for one without a moment."""
    moment = record.captured_at
    if moment is None:
        return Record.objects.none()
    same = Record.objects.filter(terminal_id=record.terminal_id, user_id=record.user_id)
    if record.user_id:
        same = same.filter(captured_at__range=(moment - _KNOWN_WITHIN, moment + _KNOWN_WITHIN))
    else:
        # Strangers are told apart by nothing but the second.
        second = moment.replace(microsecond=0)
        same = same.filter(captured_at__gte=second, captured_at__lt=second + _SECOND)
    return same.exclude(pk=record.pk) if record.pk else same


def is_known(record: Record) -> bool:
    """Tell whether this pass is stored, and hold back uploads of its terminal until commit.

    To be called in the transaction that stores it, after its picture: an upload stores its
    picture first too, and the two must not wait for each other.
    """
    Terminal.objects.select_for_update().get(pk=record.terminal_id)
    return twins(record).exists()


def hold(record: Record) -> None:
    """Hold back what is fetched of an upload's terminal until commit; called before it is stored.

    Django checks foreign keys at the commit, so storing the record alone would hold nobody back.
    """
    if connection.vendor != "postgresql":
        return  # SQLite lets one writer in at a time
    with connection.cursor() as cursor:
        # Django has no word for this weakest lock.
        cursor.execute(
            "SELECT 1 FROM devices_terminal WHERE id = %s FOR KEY SHARE", [record.terminal_id]
        )


def supersede(record: Record) -> list[int]:
    """Take the place of what was fetched of the same pass; called after the upload was stored.

    Returns the ids of the records that are gone.
    """
    fetched = list(twins(record).exclude(origin=Origin.UPLOADED).values_list("pk", flat=True))
    if not fetched:
        return []
    alerts = Alert.objects.filter(record__in=fetched)
    # Raised anew for the upload; what somebody has seen stays and points to it.
    alerts.filter(state=AlertState.ACTIVE).delete()
    alerts.update(record=record)
    Record.objects.filter(pk__in=fetched).delete()
    return fetched
