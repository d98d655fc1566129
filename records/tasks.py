"""Periodic work on alarms."""

from celery import shared_task

from records import services


@shared_task(name="records.tasks.presence_alarms")
def presence_alarms() -> dict[str, int]:
    """Alarm for terminals that went silent, clear it for those that are back."""
    return {"turned": services.presence_alarms()}
