"""Work that grows with what was selected: begun by a caller, done by the worker in batches."""

import logging
import time
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from devices.choices import JobState
from devices.models import Job
from devices.services.jobs.kinds import JobStep, job_kind
from server_common.actor import Actor, acting, acting_as
from server_common.batched_delete import delete_in_batches
from server_common.on_commit import enqueue_on_commit

logger = logging.getLogger(__name__)

# How long one task works on a job before it queues behind everything else: the embedded server
# has one worker for all, and alarms are not to wait for a job.
_TURN_S = 2.0
# A job that nothing has moved for so long is queued again; its worker has died or its task is lost.
_LEFT_AFTER = timedelta(seconds=20)
_TRIES = 5
_PAUSE = timedelta(seconds=10)
_KEPT = timedelta(days=90)
_FORGET_AT_ONCE = 1000


def job_start(
    *, kind: str, site_id: int, arguments: Mapping[str, Any], total: int, by: Any = None
) -> Job:
    """Begin a job; small ones are done when this returns.

    Args:
        kind: a registered one.
        site_id: whose members may see it.
        arguments: what the kind needs, as JSON; keys of rows, never a person's data.
        total: how much there is to do, in units of the kind.
        by: the user who asks.

    Effects: a larger job is queued after commit; if that is lost, the sweep finds it.
    """
    known = job_kind(kind)
    if known is None:
        raise ValueError(f"no kind of job is called {kind}")
    actor = acting()
    user_id = getattr(by, "pk", None)
    job = Job.objects.create(
        kind=kind,
        site_id=site_id,
        arguments=dict(arguments),
        total=total,
        requested_by_id=actor.user_id if user_id is None else user_id,
        requester=actor.name[:150] or ("" if by is None else by.get_username()),
        way=actor.way,
        address=actor.address or None,
    )
    if total > known.at_once:
        _enqueue(job.pk)
        return job
    while _step(job.pk) is False:
        pass
    job.refresh_from_db()
    return job


def jobs_start(
    *, kind: str, rows: Iterable[tuple[int, int]], by: Any = None, **arguments: Any
) -> list[Job]:
    """Begin a job for each site of these (site id, row id); the kind works through ``ids``."""
    by_site: dict[int, list[int]] = {}
    for site_id, pk in rows:
        by_site.setdefault(site_id, []).append(pk)
    return [
        job_start(
            kind=kind,
            site_id=site_id,
            arguments={"ids": sorted(ids), **arguments},
            total=len(ids),
            by=by,
        )
        for site_id, ids in sorted(by_site.items())
    ]


def job_work(*, job_id: int, turn_s: float = _TURN_S) -> bool:
    """Work on a job for a while; returns whether it moved. Safe to run twice and at once.

    Effects: what is left is queued again.
    """
    until = time.monotonic() + turn_s
    moved = False
    try:
        while (is_over := _step(job_id)) is not None:
            moved = True
            if is_over:
                break
            if time.monotonic() >= until:
                _enqueue(job_id)
                break
    except Exception:
        # The border of the job: the batch is rolled back, and the next try begins with it.
        logger.exception("job_failed job=%s", job_id)
        _note_failure(job_id)
    return moved


def _enqueue(job_id: int) -> None:
    enqueue_on_commit("devices.tasks.job_run", job_id=job_id)


@transaction.atomic
def _step(job_id: int) -> bool | None:
    """Do the next batch; returns whether it was the last.

    None when there is none to do: the job is over or gone, or another worker is at it.
    """
    # Held until the batch commits: the lease. A worker that has it already is not waited for.
    job = (
        Job.objects.select_for_update(skip_locked=True, no_key=True)
        .filter(pk=job_id, ended_at__isnull=True)
        .first()
    )
    if job is None:
        return None
    known = job_kind(job.kind)
    if known is None:
        raise LookupError(f"no kind of job is called {job.kind}")
    with acting_as(_actor(job)):
        step = known.step(job)
    _move(job, step)
    return step.is_over


def _move(job: Job, step: JobStep) -> None:
    now = timezone.now()
    job.position = step.position
    job.done = min(job.total, job.done + step.done)
    for name, count in step.counts.items():
        job.result[name] = job.result.get(name, 0) + count
    job.state, job.failures = JobState.RUNNING, 0
    job.started_at, job.moved_at = job.started_at or now, now
    fields = ["position", "done", "result", "state", "failures", "started_at", "moved_at"]
    if step.is_over:
        job.state, job.ended_at, job.done = JobState.DONE, now, job.total
        # Which rows it was is of no use any more.
        job.arguments, job.position = {}, None
        fields += ["ended_at", "arguments"]
    job.save(update_fields=fields)


def _actor(job: Job) -> Actor:
    way: Any = job.way
    return Actor(way, job.requester, job.requested_by_id, job.address or "")


@transaction.atomic
def _note_failure(job_id: int) -> None:
    now = timezone.now()
    job = Job.objects.select_for_update().filter(pk=job_id, ended_at__isnull=True).first()
    if job is None:
        return
    job.failures += 1
    job.moved_at = now + _PAUSE * 2 ** (job.failures - 1)
    if job.failures >= _TRIES:
        job.state, job.ended_at, job.moved_at = JobState.FAILED, now, now
    job.save(update_fields=["failures", "moved_at", "state", "ended_at"])


def jobs_sweep(*, now: datetime | None = None) -> int:
    """Queue the jobs that nothing has moved for a while; returns how many."""
    before = (now or timezone.now()) - _LEFT_AFTER
    left = Job.objects.filter(ended_at__isnull=True, moved_at__lt=before).order_by("moved_at")
    keys = list(left.values_list("pk", flat=True)[:100])
    for job_id in keys:
        _enqueue(job_id)
    return len(keys)


def jobs_forget(*, now: datetime | None = None) -> int:
    """Delete jobs that ended three months ago; returns how many."""
    before = (now or timezone.now()) - _KEPT
    return delete_in_batches(Job.objects.filter(ended_at__lt=before), size=_FORGET_AT_ONCE)
