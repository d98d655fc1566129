"""Work that grows with what was selected, done by the worker piece by piece."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.choices import AuditWay, JobState
from devices.models.site import Site


class Job(models.Model):
    """One piece of work on the rows of one site, with its progress and result.

    waiting → running → done | failed. Its lock is the lease: a worker holds the row for each batch,
    and batch and ``position`` commit together. So a worker that dies leaves a job that goes on
    where the last batch ended, and two workers never do the same batch.

    ``arguments`` and ``position`` are the kind's own (``services.jobs.kinds``): keys of rows, never
    a person's data. ``result`` counts what was done.
    """

    # What was done to the rows of a site that is gone is history that no user can act on.
    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="jobs", on_delete=models.CASCADE
    )
    kind = models.CharField(_("kind"), max_length=60, editable=False)
    state = models.CharField(
        _("state"), max_length=10, choices=JobState.choices, default=JobState.WAITING
    )
    arguments = models.JSONField(default=dict, editable=False)
    position = models.JSONField(null=True, editable=False)
    total = models.PositiveIntegerField(_("of"), default=0)
    done = models.PositiveIntegerField(_("done"), default=0)
    result = models.JSONField(_("result"), default=dict)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )
    # As whom the worker acts, for the audit: the user may be gone by then.
    requester = models.CharField(_("requested by"), max_length=150, blank=True)
    way = models.CharField(max_length=10, choices=AuditWay.choices, default=AuditWay.PLATFORM)
    address = models.GenericIPAddressField(null=True)
    failures = models.PositiveSmallIntegerField(_("failed tries"), default=0)
    created_at = models.DateTimeField(_("requested"), db_default=Now(), editable=False)
    started_at = models.DateTimeField(_("begun"), null=True)
    # When a batch ended last, or when the next try is due.
    moved_at = models.DateTimeField(db_default=Now(), editable=False)
    ended_at = models.DateTimeField(_("ended"), null=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        ordering = ["-id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state__in=JobState.values), name="job_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, state__in=["waiting", "running"])
                | models.Q(ended_at__isnull=False, state__in=["done", "failed"]),
                name="job_ended_when_over",
                violation_error_message=_("A job has an end if and only if it is over."),
            ),
        ]
        indexes = [
            models.Index(fields=["site", "-id"], name="job_by_site"),
            models.Index(
                fields=["moved_at"],
                name="job_open",
                condition=models.Q(ended_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return gettext("job %(number)s") % {"number": self.pk}
