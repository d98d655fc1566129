"""Background work on people and galleries; every task may run twice or at once."""

from celery import shared_task
from django.db import OperationalError

from devices.services import command_work
from faces import services
from faces.models import Gallery

_RETRY = {
    "autoretry_for": (OperationalError,),
    "retry_backoff": 2,
    "retry_jitter": True,
    "max_retries": 5,
}


@shared_task(name="faces.tasks.gallery_rebuild", **_RETRY)
def gallery_rebuild(*, gallery_id: int) -> dict[str, int]:
    """Rebuild and publish one gallery's index."""
    if not Gallery.objects.filter(pk=gallery_id).exists():
        return {"faces": 0}
    return {"faces": services.gallery_rebuild(gallery_id=gallery_id)}


@shared_task(name="faces.tasks.galleries_rebuild", **_RETRY)
def galleries_rebuild() -> dict[str, int]:
    """Rebuild every index that has fallen behind its gallery."""
    behind = [row for row in Gallery.objects.all() if row.revision != row.published_revision]
    for row in behind:
        services.gallery_rebuild(gallery_id=row.pk)
    return {"galleries": len(behind)}


@shared_task(name="faces.tasks.deliveries_fill", **_RETRY)
def deliveries_fill(*, site_id: int, person_ids: list[int]) -> dict[str, int]:
    """Fill the delivery matrix after a bulk change."""
    rows = 0
    for start in range(0, len(person_ids), 500):
        rows += services.deliveries_fill(
            site_id=site_id, person_ids=person_ids[start : start + 500]
        )
    return {"rows": rows}


@shared_task(name="faces.tasks.terminal_expect", **_RETRY)
def terminal_expect(*, terminal_id: int) -> dict[str, int]:
    """Write the first deliveries of a terminal that was approved by its own first message."""
    return {"rows": services.terminal_expect(terminal_id=terminal_id)}


@shared_task(name="faces.tasks.photos_process_waiting", **_RETRY)
def photos_process_waiting() -> dict[str, int]:
    """Check photos that came while the models were not installed."""
    return {"photos": services.photos_process_waiting()}


@shared_task(name="faces.tasks.validity_sweep", **_RETRY)
def validity_sweep() -> dict[str, int]:
    """Tell terminals of visits that began or ended, and again what was not done or confirmed."""
    return {
        "people": services.validity_sweep(),
        "deletes": services.deletes_repeat(),
        "doubted": services.deletes_doubt(),
        "retries": services.deliveries_retry(),
        "unconfirmed": services.deliveries_unconfirm(),
        "first": services.terminals_expect(),
    }


@shared_task(name="faces.tasks.files_erase", **_RETRY)
def files_erase() -> dict[str, int]:
    """Delete files of erased photos and superseded indexes."""
    return {"files": services.files_erase()}


@shared_task(name="faces.tasks.command_run")
def command_run(*, command_id: int) -> dict[str, str]:
    """Carry out one command about the people on a terminal; a second delivery finds it taken."""
    return {"state": command_work(command_id=command_id)}
