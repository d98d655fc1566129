"""Periodic work on sessions, sign-ins and stored files."""

from celery import shared_task

from console import unnamed_files
from console.sign_outs import sessions_sweep
from server_common.sign_in_guard import guard_trim


@shared_task(name="console.tasks.sign_ins_sweep")
def sign_ins_sweep() -> dict[str, int]:
    """Delete sessions that are over and failures that are old."""
    return {"sessions": sessions_sweep(), "failures": guard_trim()}


@shared_task(name="console.tasks.files_sweep")
def files_sweep() -> dict[str, int]:
    """Count stored files, and move to the trash what no row has named for a day."""
    return unnamed_files.files_sweep()
