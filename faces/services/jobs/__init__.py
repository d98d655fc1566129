"""Kinds of jobs on people, libraries, deliveries and terminals, one module each."""

from devices.services import job_kind_register
from faces.services.jobs import (
    deliveries_send_again,
    libraries_erase,
    people_erase,
    people_tell,
    terminals_send_again,
)
from faces.services.jobs.deliveries_send_again import deliveries_send_again_start
from faces.services.jobs.libraries_erase import libraries_erase_start
from faces.services.jobs.people_erase import people_erase_start
from faces.services.jobs.terminals_send_again import Scope, terminals_send_again_start

__all__ = [
    "Scope",
    "deliveries_send_again_start",
    "libraries_erase_start",
    "people_erase_start",
    "register_jobs",
    "terminals_send_again_start",
]


def register_jobs() -> None:
    """Make the kinds known, when the app is ready."""
    for kind in (
        deliveries_send_again.KIND,
        libraries_erase.KIND,
        people_erase.KIND,
        people_tell.KIND,
        *terminals_send_again.KINDS,
    ):
        job_kind_register(kind)
