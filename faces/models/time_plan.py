"""Weekly time plans and holidays: when the people of a library may pass."""

from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site
from faces.models.library import Library
from server_common.change_tracking import WatchedManager


class Weekday(models.IntegerChoices):
    """As Python counts them."""

    MONDAY = 0, _("Monday")
    TUESDAY = 1, _("Tuesday")
    WEDNESDAY = 2, _("Wednesday")
    THURSDAY = 3, _("Thursday")
    FRIDAY = 4, _("Friday")
    SATURDAY = 5, _("Saturday")
    SUNDAY = 6, _("Sunday")


class TimePlan(models.Model):
    """Named opening hours of a site, such as "office hours"; entered by a manager.

    Times are those of the site's wall clock. A plan without hours allows nothing.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="time_plans", on_delete=models.PROTECT
    )
    name = models.CharField(_("name"), max_length=80)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("time plan")
        verbose_name_plural = _("time plans")
        ordering = ["site_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="time_plan_name_once_per_site"),
            models.CheckConstraint(condition=~models.Q(name=""), name="time_plan_name_given"),
        ]

    def __str__(self) -> str:
        return self.name


class TimePlanInterval(models.Model):
    """Hours of a plan that begin on one weekday; an end at or before the start is the next day."""

    # Hours are nothing without their plan.
    plan = models.ForeignKey(TimePlan, related_name="intervals", on_delete=models.CASCADE)
    weekday = models.SmallIntegerField(_("weekday"), choices=Weekday.choices)
    starts_at = models.TimeField(_("from"))
    ends_at = models.TimeField(
        _("until"), help_text=_("At or before “from”: on the next day; 00:00 is midnight.")
    )

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("hours")
        verbose_name_plural = _("hours")
        ordering = ["plan_id", "weekday", "starts_at", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(weekday__in=Weekday.values), name="time_plan_weekday_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts_at:%H:%M}–{self.ends_at:%H:%M}"


class Holiday(models.Model):
    """A date on which a site's plans follow other hours: none, or those of some weekday.

    A working Saturday is one too: it counts as a Monday.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="holidays", on_delete=models.PROTECT
    )
    date = models.DateField(_("date"))
    name = models.CharField(_("name"), max_length=80)
    counts_as = models.SmallIntegerField(
        _("hours of"),
        choices=Weekday.choices,
        null=True,
        blank=True,
        help_text=_("Empty: no hours begin on this day."),
    )

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("holiday")
        verbose_name_plural = _("holidays")
        ordering = ["site_id", "date"]
        constraints = [
            models.UniqueConstraint(fields=["site", "date"], name="holiday_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(counts_as__isnull=True) | models.Q(counts_as__in=Weekday.values),
                name="holiday_weekday_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.date:%Y-%m-%d} {self.name}"


class LibraryPlan(models.Model):
    """A library follows a plan; a library without this row may pass at any time."""

    # Without its library there is no person that the plan would restrict.
    library = models.OneToOneField(
        Library, verbose_name=_("library"), related_name="plan_link", on_delete=models.CASCADE
    )
    # A plan that vanished would leave its libraries' doors open day and night.
    plan = models.ForeignKey(
        TimePlan,
        verbose_name=_("time plan"),
        related_name="library_links",
        on_delete=models.PROTECT,
    )

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("library with this plan")
        verbose_name_plural = _("libraries with this plan")
        ordering = ["plan_id", "library_id"]

    def __str__(self) -> str:
        return f"{self.library_id} @ {self.plan_id}"

    def clean(self) -> None:
        """Refuse a library of another site."""
        if self.library_id and self.plan and self.library.site_id != self.plan.site_id:
            raise ValidationError({"library": _("A library belongs to another site.")})
