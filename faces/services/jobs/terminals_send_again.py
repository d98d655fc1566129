"""The jobs that send whole terminals again: what failed there, or everything from zero."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import ngettext_lazy

from devices.models import Job, Terminal
from devices.services import JobKind, JobStep, job_start, result_of, title_of
from faces.models import Delivery
from faces.services.feedback import NOT_DONE, deliveries_send_again, terminal_start_over
from faces.services.jobs.deliveries_send_again import SENT_AGAIN

BATCH = 1000
Scope = Literal["failed", "all"]


def terminals_send_again_start(
    *, terminals: Iterable[Terminal], scope: Scope, by: Any = None
) -> list[Job]:
    """Tell terminals again what failed there, or everything; many rows by the worker."""
    kind = _ALL if scope == "all" else _FAILED
    by_site: dict[int, list[int]] = {}
    for terminal in terminals:
        by_site.setdefault(terminal.site_id, []).append(terminal.pk)
    asked_at = timezone.now()
    jobs = []
    for site_id, ids in sorted(by_site.items()):
        rows = Delivery.objects.filter(_condition(kind.name, asked_at), terminal__in=ids)
        arguments = {"ids": sorted(ids), "asked_at": asked_at.isoformat()}
        jobs.append(
            job_start(
                kind=kind.name,
                site_id=site_id,
                arguments=arguments,
                total=max(rows.count(), len(ids)),
                by=by,
            )
        )
    return jobs


def _condition(kind: str, asked_at: datetime) -> Q:
    """Return which rows of a terminal a job tells again."""
    if kind == _FAILED.name:
        return NOT_DONE
    # What its full sync has sent it since needs no sending again.
    return Q(sent_at__isnull=True) | Q(sent_at__lt=asked_at)


def _over_rows(begin: Callable[[Terminal], None] | None) -> Callable[[Job], JobStep]:
    """Return the step that goes through the terminals, and their rows in the order of keys."""

    def step(job: Job) -> JobStep:
        ids = job.arguments["ids"]
        at, after = job.position or (0, 0)
        terminal = Terminal.objects.filter(pk=ids[at], site_id=job.site_id).first()
        rows: list[int] = []
        count = 0
        if terminal is not None:
            if begin is not None and not after:
                begin(terminal)
            asked_at = datetime.fromisoformat(job.arguments["asked_at"])
            found = Delivery.objects.filter(
                _condition(job.kind, asked_at), terminal=terminal, pk__gt=after
            )
            rows = list(found.order_by("pk").values_list("pk", flat=True)[:BATCH])
            count = deliveries_send_again(deliveries=Delivery.objects.filter(pk__in=rows))
        is_whole = len(rows) < BATCH
        return JobStep(
            position=[at + 1, 0] if is_whole else [at, rows[-1]],
            done=len(rows),
            counts={"deliveries": count, "terminals": int(is_whole and terminal is not None)},
            is_over=is_whole and at + 1 >= len(ids),
        )

    return step


_FAILED = JobKind(
    "faces.terminals_send_failed_again",
    title=title_of(
        ngettext_lazy(
            "Send what failed again: %(count)d face",
            "Send what failed again: %(count)d faces",
            "count",
        )
    ),
    step=_over_rows(None),
    words=SENT_AGAIN,
    at_once=BATCH,
)
_ALL = JobKind(
    "faces.terminals_send_all_again",
    title=title_of(
        ngettext_lazy(
            "Send everything again: %(count)d face",
            "Send everything again: %(count)d faces",
            "count",
        )
    ),
    step=_over_rows(terminal_start_over),
    words=result_of(
        ngettext_lazy(
            "%(count)d terminal gets everybody again at its next poll.",
            "%(count)d terminals get everybody again at their next poll.",
            "count",
        ),
        count="terminals",
    ),
    at_once=BATCH,
)
KINDS = (_FAILED, _ALL)
