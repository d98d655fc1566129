"""The jobs that acknowledge or clear many alerts."""

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import ngettext_lazy

from devices.models import Job
from devices.services import JobKind, jobs_start, over_ids, result_of, title_of
from records.choices import AlertState
from records.models import Alert
from records.services.alarms import alerts_acknowledge, alerts_clear

BATCH = 500


def alerts_acknowledge_start(*, alerts: QuerySet[Alert], user: User) -> list[Job]:
    """Note that a user takes care of these alerts, many of them by the worker."""
    return _start(_ACKNOWLEDGE, alerts.filter(state=AlertState.ACTIVE), user)


def alerts_clear_start(*, alerts: QuerySet[Alert], user: User) -> list[Job]:
    """Close these alerts, many of them by the worker."""
    return _start(_CLEAR, alerts.exclude(state=AlertState.CLEARED), user)


def _start(kind: JobKind, alerts: QuerySet[Alert], user: User) -> list[Job]:
    rows = alerts.order_by().values_list("site_id", "pk")
    return jobs_start(kind=kind.name, rows=rows, by=user)


def _acknowledge(job: Job, ids: list[int]) -> int:
    return alerts_acknowledge(site_id=job.site_id, alert_ids=ids, user=job.requested_by)


def _clear(job: Job, ids: list[int]) -> int:
    return alerts_clear(site_id=job.site_id, alert_ids=ids, user=job.requested_by)


_ACKNOWLEDGE = JobKind(
    "records.alerts_acknowledge",
    title=title_of(
        ngettext_lazy("Acknowledge %(count)d alert", "Acknowledge %(count)d alerts", "count")
    ),
    step=over_ids(_acknowledge, batch=BATCH, count="alerts"),
    words=result_of(
        ngettext_lazy("%(count)d alert acknowledged.", "%(count)d alerts acknowledged.", "count"),
        count="alerts",
    ),
    at_once=BATCH,
)
_CLEAR = JobKind(
    "records.alerts_clear",
    title=title_of(ngettext_lazy("Clear %(count)d alert", "Clear %(count)d alerts", "count")),
    step=over_ids(_clear, batch=BATCH, count="alerts"),
    words=result_of(
        ngettext_lazy("%(count)d alert cleared.", "%(count)d alerts cleared.", "count"),
        count="alerts",
    ),
    at_once=BATCH,
)
KINDS = (_ACKNOWLEDGE, _CLEAR)
