"""Time plans with their hours, and holidays."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from devices.admin.scoped import SITE_FILTER, ScopedAdmin, restrict
from faces.models import Holiday, LibraryPlan, TimePlan, TimePlanInterval


class _PlanInline(admin.TabularInline):
    """Rows of a plan; who may see or change the plan may see or change them."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._plans.has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._plans.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._plans.has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._plans.has_change_permission(request, obj)

    @property
    def _plans(self) -> ScopedAdmin:
        return TimePlanAdmin(TimePlan, self.admin_site)


class IntervalInline(_PlanInline):
    """The week's hours."""

    model = TimePlanInterval
    extra = 5


class LibraryPlanInline(_PlanInline):
    """People that the plan restricts."""

    model = LibraryPlan

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer only libraries of sites the user manages."""
        field: Any = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and db_field.name == "library":
            field.queryset = restrict(field.queryset, request, path="site_id", managed=True)
        return field


@admin.register(TimePlan)
class TimePlanAdmin(ScopedAdmin):
    """When the people of some libraries may pass."""

    list_display = ("name", "site")
    list_select_related = ("site",)
    list_filter = (SITE_FILTER,)
    search_fields = ("name",)
    fields = ("site", "name")
    inlines = (IntervalInline, LibraryPlanInline)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        # Its libraries belong to the site.
        return () if obj is None else ("site",)


@admin.register(Holiday)
class HolidayAdmin(ScopedAdmin):
    """Dates that follow other hours."""

    list_display = ("date", "name", "counts_as", "site")
    list_display_links = ("date", "name")
    list_select_related = ("site",)
    list_filter = (SITE_FILTER,)
    search_fields = ("name",)
    date_hierarchy = "date"
    fields = ("site", "date", "name", "counts_as")
