"""The job that tells chosen faces again."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext

from devices.models import Job
from devices.services import JobKind, jobs_start, over_ids
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


def sent_again_words(result: Mapping[str, Any]) -> str:
    """Say how many faces are told again."""
    count = result.get("deliveries", 0)
    return ngettext(
        "%(count)d face is sent again at the terminal's next poll.",
        "%(count)d faces are sent again at the terminals' next polls.",
        count,
    ) % {"count": count}


def _title(total: int) -> str:
    return ngettext("Send %(count)d face again", "Send %(count)d faces again", total) % {
        "count": total
    }


KIND = JobKind(
    "faces.deliveries_send_again",
    title=_title,
    step=over_ids(_work, batch=BATCH, count="deliveries"),
    words=sent_again_words,
    at_once=BATCH,
)
