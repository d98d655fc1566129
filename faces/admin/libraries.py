"""Libraries: which people are on which terminals."""

from typing import Any

from django.contrib import admin
from django.db.models import Func, IntegerField, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.erased_by_jobs import ErasedByJobs
from devices.admin.scoped import SITE_FILTER
from devices.models import Job, Terminal
from faces.models import Library, LibraryMembership, TerminalLibrary
from faces.selectors import forgotten_without
from faces.services import library_erase
from faces.services.jobs import libraries_erase_start

# More than anybody reads before they agree.
_DOORS_NAMED = 100


@admin.register(Library)
class LibraryAdmin(ErasedByJobs):
    """People are put into libraries on their own page, terminals on theirs."""

    list_display = ("name", "site", "people_link", "terminal_total")
    list_select_related = ("site",)
    list_filter = (SITE_FILTER,)
    search_fields = ("name",)
    # Said here: counts drop the order of the model, and pages of choices need one.
    ordering = ("site__code", "name")
    fields = ("site", "name", "people_link", "terminal_total")
    readonly_fields = ("people_link", "terminal_total")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        # Each count by itself: joined, they multiply before they are told apart.
        everywhere = Terminal.objects.filter(site=OuterRef("site"), all_libraries=True)
        chosen = TerminalLibrary.objects.filter(
            library=OuterRef("pk"), terminal__all_libraries=False
        )
        people = LibraryMembership.objects.filter(library=OuterRef("pk"))
        rows = super().get_queryset(request)
        counted: QuerySet[Any] = rows.annotate(
            people_count=_count(people), terminal_count=_count(everywhere) + _count(chosen)
        )
        return counted

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("people_link", "terminal_total") if obj is None else ("site", *self.readonly_fields)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("site", "name") if obj is None else self.fields

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say beside the names who is in the libraries, and which doors will forget how many."""
        named, totals, refused, protected = super().get_deleted_objects(objs, request)
        if not refused:
            named = [*named, *_consequences(list(objs))]
        return named, totals, refused, protected

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


def _consequences(libraries: list[Library]) -> list[str]:
    """Return in sentences what deleting libraries does to people and doors."""
    people = LibraryMembership.objects.filter(library__in=libraries)
    number = people.order_by().values("person").distinct().count()
    said = ngettext(
        "%(count)d person is in what is deleted, and stays on file.",
        "%(count)d people are in what is deleted, and stay on file.",
        number,
    )
    losses = forgotten_without(libraries)
    doors = [
        ngettext(
            "Door %(door)s will forget %(count)d person.",
            "Door %(door)s will forget %(count)d people.",
            count,
        )
        % {"door": terminal, "count": count}
        for terminal, count in losses[:_DOORS_NAMED]
    ]
    if more := len(losses) - len(doors):
        others = ngettext(
            "%(count)d more door will forget people.",
            "%(count)d more doors will forget people.",
            more,
        )
        doors.append(others % {"count": more})
    return [said % {"count": number}, *(doors or [_("No door has to forget anybody.")])]


def _count(rows: QuerySet[Any]) -> Subquery:
    """Return the number of rows of a subquery, zero for none."""
    counted = rows.order_by().annotate(number=Func("pk", function="COUNT")).values("number")
    return Subquery(counted, output_field=IntegerField())
