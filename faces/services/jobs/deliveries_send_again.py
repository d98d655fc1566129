"""The job that sends chosen faces again."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext_lazy

from devices.models import Job
from devices.services import JobKind, jobs_start, over_ids, result_of, title_of
from faces.models import Delivery
from faces.services.feedback import deliveries_send_again

BATCH = 1000


def deliveries_send_again_start(*, deliveries: QuerySet[Delivery], by: Any = None) -> list[Job]:
    """Tell these faces and unconfirmed deletes again, many of them by the worker.

    Args:
        deliveries: rows that the caller may touch.
        by: the user who asks.
    """
    rows = deliveries.order_by().values_list("terminal__site_id", "pk")
    return jobs_start(kind=KIND.name, rows=rows, by=by)


def _work(job: Job, ids: list[int]) -> int:
    rows = Delivery.objects.filter(pk__in=ids, terminal__site_id=job.site_id)
    return deliveries_send_again(deliveries=rows)


# How many faces are sent again, said of whole terminals too.
SENT_AGAIN = result_of(
    ngettext_lazy(
        "%(count)d face is sent again at the terminal's next poll.",
        "%(count)d faces are sent again at the terminals' next polls.",
        "count",
    ),
    count="deliveries",
)


KIND = JobKind(
    "faces.deliveries_send_again",
    title=title_of(
        ngettext_lazy("Send %(count)d face again", "Send %(count)d faces again", "count")
    ),
    step=over_ids(_work, batch=BATCH, count="deliveries"),
    words=SENT_AGAIN,
    at_once=BATCH,
)
