"""The job that erases many people."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext_lazy

from devices.models import Job
from devices.services import JobKind, jobs_start, over_ids, result_of, title_of
from faces.models import Person
from faces.services.people import people_erase

# Each is sent to every terminal of the site, so it is a few thousand rows all the same.
BATCH = 50


def people_erase_start(*, people: QuerySet[Person], by: Any = None) -> list[Job]:
    """Erase these people, many of them by the worker.

    Args:
        people: rows that the caller may erase.
        by: the user who asks.
    """
    rows = people.order_by().values_list("site_id", "pk")
    return jobs_start(kind=KIND.name, rows=rows, by=by)


def _work(job: Job, ids: list[int]) -> int:
    return people_erase(site_id=job.site_id, person_ids=ids)


KIND = JobKind(
    "faces.people_erase",
    title=title_of(ngettext_lazy("Erase %(count)d person", "Erase %(count)d people", "count")),
    step=over_ids(_work, batch=BATCH, count="people"),
    words=result_of(
        ngettext_lazy("%(count)d person was erased.", "%(count)d people were erased.", "count"),
        count="people",
    ),
    at_once=BATCH,
)
