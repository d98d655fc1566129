"""Periodic work on terminals, and the commands that need nothing of the other apps."""

from datetime import datetime

from celery import shared_task
from django.db import OperationalError

from devices import services


@shared_task(name="devices.tasks.presence_flush")
def presence_flush() -> dict[str, int]:
    """Write noted sightings to the database."""
    return {"terminals": services.presence_flush()}


@shared_task(name="devices.tasks.command_run")
def command_run(*, command_id: int) -> dict[str, str]:
    """Carry out one command of chapter 8.1; a second delivery finds it taken."""
    return {"state": services.command_work(command_id=command_id)}


@shared_task(name="devices.tasks.commands_dispatch")
def commands_dispatch() -> dict[str, int]:
    """Send waiting commands to the workers as there is room."""
    return {"commands": services.commands_dispatch()}


@shared_task(name="devices.tasks.commands_sweep")
def commands_sweep() -> dict[str, int]:
    """End what is too late or was left behind, and send on what waits."""
    swept = services.commands_sweep()
    return {"commands": swept, "sent": services.commands_dispatch()}


@shared_task(name="devices.tasks.clocks_sync")
def clocks_sync() -> dict[str, int]:
    """Set the clock of every terminal that can be called, each night; forget older nights."""
    forgotten = services.commands_forget()
    return {"terminals": services.clocks_sync_all(), "forgotten": forgotten}


@shared_task(name="devices.tasks.job_run")
def job_run(*, job_id: int) -> dict[str, bool]:
    """Work on a job for a while; a second delivery finds it locked, or goes on with it."""
    return {"moved": services.job_work(job_id=job_id)}


@shared_task(name="devices.tasks.jobs_sweep")
def jobs_sweep() -> dict[str, int]:
    """Queue jobs that were left behind."""
    return {"jobs": services.jobs_sweep()}


@shared_task(name="devices.tasks.audit_forget")
def audit_forget() -> dict[str, int]:
    """Delete audit entries and jobs that are older than they are kept."""
    return {"entries": services.audit_forget(), "jobs": services.jobs_forget()}


@shared_task(name="devices.tasks.api_token_used")
def api_token_used(*, token_id: int, at: str) -> dict[str, bool]:
    """Note when a key to the REST interface was used last."""
    moment = datetime.fromisoformat(at)
    return {"noted": services.api_token_used(token_id=token_id, at=moment)}


@shared_task(
    name="devices.tasks.newcomers_forget",
    autoretry_for=(OperationalError,),
    retry_backoff=2,
    retry_jitter=True,
    max_retries=5,
)
def newcomers_forget() -> dict[str, int]:
    """Delete terminals that wait for approval and were not heard for a day."""
    return {"terminals": services.newcomers_forget()}
