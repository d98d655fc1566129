"""Libraries: which people are on which terminals."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from devices.admin.erased_by_jobs import ErasedByJobs
from devices.admin.scoped import SITE_FILTER
from devices.models import Job
from faces.models import Library
from faces.services import library_erase
from faces.services.jobs import libraries_erase_start


@admin.register(Library)
class LibraryAdmin(ErasedByJobs):
    """People are put into libraries on their own page, terminals on theirs."""

    list_display = ("name", "site", "people_link", "terminal_total")
    list_select_related = ("site",)
    list_filter = (SITE_FILTER,)
    search_fields = ("name",)
    fields = ("site", "name", "people_link", "terminal_total")
    readonly_fields = ("people_link", "terminal_total")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        everywhere = Count(
            "site__terminals", filter=Q(site__terminals__all_libraries=True), distinct=True
        )
        by_choice = Count(
            "terminal_links",
            filter=Q(terminal_links__terminal__all_libraries=False),
            distinct=True,
        )
        people = Count("memberships", distinct=True)
        rows = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(
            people_count=people, terminal_count=everywhere + by_choice
        )
        return counted

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("people_link", "terminal_total") if obj is None else ("site", *self.readonly_fields)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("site", "name") if obj is None else self.fields

    def delete_model(self, request: HttpRequest, obj: Library) -> None:
        library_erase(library=obj)

    def erase_by_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Job]:
        return libraries_erase_start(libraries=queryset, by=request.user)

    @admin.display(description=gettext_lazy("people"), ordering="people_count")
    def people_link(self, library: Any) -> SafeString:
        """Count the people and lead to them."""
        address = reverse("admin:faces_person_changelist")
        return format_html(
            '<a href="{}?libraries__id__exact={}">{}</a>',
            address,
            library.pk,
            library.people_count,
        )

    @admin.display(description=gettext_lazy("terminals"), ordering="terminal_count")
    def terminal_total(self, library: Any) -> int:
        """Count the terminals that hold it, those that hold every library included."""
        return int(library.terminal_count)
