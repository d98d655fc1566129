"""Periodic work on sessions and sign-ins."""

from celery import shared_task

from console.sign_outs import sessions_sweep
from server_common.sign_in_guard import guard_trim


@shared_task(name="console.tasks.sign_ins_sweep")
def sign_ins_sweep() -> dict[str, int]:
    """Forget sessions that are over and failures that are old."""
    return {"sessions": sessions_sweep(), "failures": guard_trim()}
