"""Periodic work on alarms, and records fetched from terminals."""

from celery import shared_task

from devices.services import command_work
from records import services


@shared_task(name="records.tasks.presence_alarms")
def presence_alarms() -> dict[str, int]:
    """Alarm for terminals that went silent or share an ID, clear it when that is over."""
    return {"turned": services.presence_alarms(), "shared": services.shared_ids_watch()}


@shared_task(name="records.tasks.pictures_process_waiting")
def pictures_process_waiting(*, terminal_id: int | None = None) -> dict[str, int]:
    """Decode what terminals sent before they were approved."""
    return {"pictures": services.pictures_process_waiting(terminal_id=terminal_id)}


@shared_task(name="records.tasks.waiting_files_sweep")
def waiting_files_sweep() -> dict[str, int]:
    """Delete files of pictures that were never stored."""
    return {"files": services.waiting_files_sweep()}


@shared_task(name="records.tasks.command_run")
def command_run(*, command_id: int) -> dict[str, str]:
    """Fetch one terminal's own records; a second delivery finds it taken."""
    return {"state": command_work(command_id=command_id)}
