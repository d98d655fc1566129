"""The job that deletes many libraries."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import ngettext_lazy

from devices.models import Job
from devices.services import JobKind, jobs_start, over_ids, result_of, title_of
from faces.models import Library
from faces.services.people import library_erase


def libraries_erase_start(*, libraries: QuerySet[Library], by: Any = None) -> list[Job]:
    """Delete these libraries, many of them by the worker.

    Args:
        libraries: rows that the caller may delete.
        by: the user who asks.
    """
    rows = libraries.order_by().values_list("site_id", "pk")
    return jobs_start(kind=KIND.name, rows=rows, by=by)


def _work(job: Job, ids: list[int]) -> int:
    libraries = Library.objects.filter(pk__in=ids, site_id=job.site_id).order_by("pk")
    return sum(library_erase(library=library) for library in libraries)


# One at a time: a small one tells its people within the batch.
KIND = JobKind(
    "faces.libraries_erase",
    title=title_of(
        ngettext_lazy("Delete %(count)d library", "Delete %(count)d libraries", "count")
    ),
    step=over_ids(_work, batch=1, count="libraries"),
    words=result_of(
        ngettext_lazy(
            "%(count)d library was deleted.", "%(count)d libraries were deleted.", "count"
        ),
        count="libraries",
    ),
    at_once=5,
)
