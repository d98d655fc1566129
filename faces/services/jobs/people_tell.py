"""The job that sends terminals the changes of many people, after a large library was deleted."""

from django.utils.translation import ngettext_lazy

from devices.models import Job
from devices.services import JobKind, over_ids, result_of, title_of
from faces.services.people import LIBRARY_TAIL, people_tell

BATCH = 50


def _work(job: Job, ids: list[int]) -> int:
    return people_tell(site_id=job.site_id, person_ids=ids)


KIND = JobKind(
    LIBRARY_TAIL,
    title=title_of(
        ngettext_lazy(
            "Take %(count)d person of a deleted library from terminals",
            "Take %(count)d people of a deleted library from terminals",
            "count",
        )
    ),
    step=over_ids(_work, batch=BATCH, count="people"),
    words=result_of(
        ngettext_lazy(
            "Terminals are told of %(count)d person.",
            "Terminals are told of %(count)d people.",
            "count",
        ),
        count="people",
    ),
    at_once=0,
)
