"""The job that tells terminals of people who were many, after a large library was deleted."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy, ngettext

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


KIND = JobKind(
    LIBRARY_TAIL,
    label=gettext_lazy("Take the people of a deleted library from terminals"),
    step=over_ids(_work, batch=BATCH, count="people"),
    words=_words,
    at_once=0,
)
