"""The jobs that approve or disable many terminals."""

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext_lazy

from devices.choices import TerminalStatus
from devices.extensions import terminal_extensions
from devices.models import Job, Terminal
from devices.services.jobs import (
    JobKind,
    job_kind_register,
    jobs_start,
    over_ids,
    result_of,
    title_of,
)
from devices.services.sites import terminal_approve, terminal_disable


def terminals_approve_start(*, terminals: QuerySet[Terminal], by: Any = None) -> list[Job]:
    """Let these terminals hold people and open doors, many of them by the worker."""
    return _start(_APPROVE, terminals.exclude(status=TerminalStatus.APPROVED), by)


def terminals_disable_start(*, terminals: QuerySet[Terminal], by: Any = None) -> list[Job]:
    """Refuse these terminals from now on, many of them by the worker."""
    return _start(_DISABLE, terminals.exclude(status=TerminalStatus.DISABLED), by)


def _start(kind: JobKind, terminals: QuerySet[Terminal], by: Any) -> list[Job]:
    rows = terminals.order_by().values_list("site_id", "pk")
    return jobs_start(kind=kind.name, rows=rows, by=by)


def _approve(terminal: Terminal) -> None:
    approved = terminal_approve(terminal=terminal)
    # What it shall hold is written with it: up to as many rows as the site has people.
    for extension in terminal_extensions():
        extension.after_change(terminal=approved, values={}, is_scope_new=True)


def _disable(terminal: Terminal) -> None:
    terminal_disable(terminal=terminal)


def _turning(
    turn: Callable[[Terminal], None], status: TerminalStatus
) -> Callable[[Job, list[int]], int]:
    def work(job: Job, ids: list[int]) -> int:
        rows = Terminal.objects.filter(pk__in=ids, site_id=job.site_id).exclude(status=status)
        terminals = list(rows.order_by("pk"))
        for terminal in terminals:
            turn(terminal)
        return len(terminals)

    return work


# Their names are stored with jobs, and those who call the REST interface know them.
_APPROVE = JobKind(
    "faces.terminals_approve",
    title=title_of(
        ngettext_lazy("Approve %(count)d terminal", "Approve %(count)d terminals", "count")
    ),
    step=over_ids(_turning(_approve, TerminalStatus.APPROVED), batch=1, count="terminals"),
    words=result_of(
        ngettext_lazy("%(count)d terminal approved.", "%(count)d terminals approved.", "count"),
        count="terminals",
    ),
    at_once=5,
)
_DISABLE = JobKind(
    "faces.terminals_disable",
    title=title_of(
        ngettext_lazy("Disable %(count)d terminal", "Disable %(count)d terminals", "count")
    ),
    step=over_ids(_turning(_disable, TerminalStatus.DISABLED), batch=20, count="terminals"),
    words=result_of(
        ngettext_lazy("%(count)d terminal disabled.", "%(count)d terminals disabled.", "count"),
        count="terminals",
    ),
    at_once=20,
)


def register_jobs() -> None:
    """Make the kinds known, when the app is ready."""
    for kind in (_APPROVE, _DISABLE):
        job_kind_register(kind)
