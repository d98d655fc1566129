"""Periodic work on terminals."""

from celery import shared_task

from devices.services import presence_flush as flush


@shared_task(name="devices.tasks.presence_flush")
def presence_flush() -> dict[str, int]:
    """Write noted sightings to the database."""
    return {"terminals": flush()}
