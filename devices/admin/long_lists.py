"""Lists of the admin that have up to millions of rows."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from devices.admin.scoped import ReadOnlyAdmin
from server_common.long_lists import BoundedPaginator
from server_common.text_search import words_of


class LongChangeList(ChangeList):
    """A page that is sorted by what the list offers alone, whatever the address says."""

    def get_ordering_field(self, field_name: Any) -> Any:
        is_offered = field_name in (self.sortable_by or ())
        return super().get_ordering_field(field_name) if is_offered else None

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """Sort as usual where the address names no column that is offered."""
        ordering = super().get_ordering(request, queryset)
        return list(self.lookup_opts.ordering or ()) if ordering == ["-pk"] else ordering


class WordSearch(admin.ModelAdmin):
    """A list in which every word of a search must be found, by index where there is one."""

    def found(self, request: HttpRequest, word: str) -> Q:
        """Return the condition of rows in which a word is found."""
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        for word in words_of(search_term):
            queryset = queryset.filter(self.found(request, word))
        return queryset, False


class LongListAdmin(WordSearch, ReadOnlyAdmin):
    """Rows that terminals make, newest first: counted up to a bound, sorted by what is offered."""

    paginator = BoundedPaginator
    # Counting all rows of years for "n results" would cost more than the page.
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return LongChangeList
