"""Work on many rows: kinds of jobs, started by a caller and done by the worker."""

from .jobs import job_start, job_work, jobs_forget, jobs_start, jobs_sweep
from .kinds import (
    JobKind,
    JobStep,
    job_kind,
    job_kind_register,
    job_kinds_all,
    over_ids,
    result_of,
    title_of,
)

__all__ = [
    "JobKind",
    "JobStep",
    "job_kind",
    "job_kind_register",
    "job_kinds_all",
    "job_start",
    "job_work",
    "jobs_forget",
    "jobs_start",
    "jobs_sweep",
    "over_ids",
    "result_of",
    "title_of",
]
