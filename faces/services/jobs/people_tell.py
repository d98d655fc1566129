"""The job that tells terminals of people who were many, after a large library was deleted."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import ngettext

from devices.models import Job
from devices.services import JobKind, over_ids
from faces.services.people import LIBRARY_TAIL, people_tell

BATCH = 50


def _work(job: Job, ids: list[int]) -> int:
    return people_tell(site_id=job.site_id, person_ids=ids)


def _words(result: Mapping[str, Any]) -> str:
    count = result.get("people", 0)
    return ngettext(
        "Terminals are told of %(count)d person.", "Terminals are told of %(count)d people.", count
    ) % {"count": count}


def _title(total: int) -> str:
    return ngettext(
        "Take %(count)d person of a deleted library from terminals",
        "Take %(count)d people of a deleted library from terminals",
        total,
    ) % {"count": total}


KIND = JobKind(
    LIBRARY_TAIL,
    title=_title,
    step=over_ids(_work, batch=BATCH, count="people"),
    words=_words,
    at_once=0,
)
