"""Jobs: what was asked for many rows at once, how far it is and what came of it."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.admin.scoped import SITE_FILTER, ReadOnlyAdmin
from devices.choices import JobState
from devices.models import Job
from devices.services import job_kind
from server_common.admin import EMPTY, Tone, badge

_TONES: dict[str, Tone] = {
    JobState.WAITING: "quiet",
    JobState.RUNNING: "info",
    JobState.DONE: "good",
    JobState.FAILED: "bad",
}


def job_title(job: Job) -> str:
    """Say what a job does, and to how many of what."""
    known = job_kind(job.kind)
    return job.kind if known is None else known.title(job.total)


def job_words(job: Job) -> str:
    """Say what came of a job so far."""
    known = job_kind(job.kind)
    return known.words(job.result) if known is not None and job.result else EMPTY


def tell_jobs(request: HttpRequest, jobs: Sequence[Job]) -> HttpResponse | None:
    """Say what came of an action, or lead to the progress of what the worker does.

    Returns:
        What the action of a list answers: None goes back to the list.
    """
    open_ones = [job for job in jobs if job.ended_at is None]
    if open_ones:
        if len(open_ones) == 1:
            return HttpResponseRedirect(reverse("admin:devices_job_change", args=[open_ones[0].pk]))
        return HttpResponseRedirect(reverse("admin:devices_job_changelist"))
    result: dict[str, int] = {}
    for job in jobs:
        for name, count in job.result.items():
            result[name] = result.get(name, 0) + count
    known = job_kind(jobs[0].kind) if jobs else None
    if known is None:
        messages.warning(request, _("There was nothing to do."))
    else:
        has_changed = any(result.values())
        say = messages.success if has_changed else messages.warning
        say(request, known.words(result))
    return None


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """A list to look at; the page of one refreshes itself until it is over."""

    list_display = (
        "label",
        "site",
        "state_badge",
        "progress",
        "outcome",
        "requester",
        "created_at",
    )
    list_display_links = ("label",)
    list_select_related = ("site",)
    list_filter = (SITE_FILTER, "state")
    ordering = ("-id",)
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).defer("arguments", "position")
        return rows

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show how far a job is; with ``?part=1`` only what changes."""
        job = self.get_object(request, object_id)
        if job is None:
            # As for every row that is not there or another site's.
            return super().change_view(request, object_id, form_url, extra_context)
        if request.method == "POST" or not self.has_view_permission(request, job):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": job_title(job),
            "job": job,
            "is_open": job.ended_at is None,
            "badge": self.state_badge(job),
            "words": job_words(job),
            "has_failed": job.state == JobState.FAILED,
            "media": self.media,
        }
        name = "devices/_job.html" if "part" in request.GET else "devices/job.html"
        return TemplateResponse(request, name, context)

    @admin.display(description=gettext_lazy("what"), ordering="kind")
    def label(self, job: Job) -> str:
        """Show the kind in words."""
        return job_title(job)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, job: Job) -> SafeString:
        """Show the state in colour."""
        state = JobState(job.state)
        return badge(_TONES[state], state.label)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, job: Job) -> str:
        """Show how much of it is done."""
        return f"{job.done} / {job.total}"

    @admin.display(description=gettext_lazy("result"))
    def outcome(self, job: Job) -> str:
        """Say what came of it so far."""
        return job_words(job)
