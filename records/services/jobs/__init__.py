"""Kinds of jobs on alerts, one module each."""

from devices.services import job_kind_register
from records.services.jobs import alerts_turn
from records.services.jobs.alerts_turn import alerts_acknowledge_start, alerts_clear_start

__all__ = ["alerts_acknowledge_start", "alerts_clear_start", "register_jobs"]


def register_jobs() -> None:
    """Make the kinds known, when the app is ready."""
    for kind in alerts_turn.KINDS:
        job_kind_register(kind)
