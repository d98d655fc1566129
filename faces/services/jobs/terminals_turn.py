"""The jobs that approve or disable many terminals."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext

from devices.choices import TerminalStatus
from devices.models import Job, Terminal
from devices.services import JobKind, jobs_start, over_ids, terminal_approve, terminal_disable
from faces.services.sync import terminal_view_changed


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
    # What it shall hold is written with it: up to as many rows as the site has people.
    terminal_view_changed(terminal=terminal_approve(terminal=terminal))


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


def _approved_words(result: Mapping[str, Any]) -> str:
    count = result.get("terminals", 0)
    return ngettext("%(count)d terminal approved.", "%(count)d terminals approved.", count) % {
        "count": count
    }


def _disabled_words(result: Mapping[str, Any]) -> str:
    count = result.get("terminals", 0)
    return ngettext("%(count)d terminal disabled.", "%(count)d terminals disabled.", count) % {
        "count": count
    }


def _approve_title(total: int) -> str:
    return ngettext("Approve %(count)d terminal", "Approve %(count)d terminals", total) % {
        "count": total
    }


def _disable_title(total: int) -> str:
    return ngettext("Disable %(count)d terminal", "Disable %(count)d terminals", total) % {
        "count": total
    }


_APPROVE = JobKind(
    "faces.terminals_approve",
    title=_approve_title,
    step=over_ids(_turning(_approve, TerminalStatus.APPROVED), batch=1, count="terminals"),
    words=_approved_words,
    at_once=5,
)
_DISABLE = JobKind(
    "faces.terminals_disable",
    title=_disable_title,
    step=over_ids(_turning(_disable, TerminalStatus.DISABLED), batch=20, count="terminals"),
    words=_disabled_words,
    at_once=20,
)
KINDS = (_APPROVE, _DISABLE)
