"""Cursor pagination of REST lists that are newest first, however long they are."""

from contextlib import suppress
from typing import Any

from django.core.paginator import EmptyPage
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from server_common.api_defaults import Pages
from server_common.long_lists import (
    BoundedPaginator,
    MoreThan,
    Place,
    moment_name,
    rows_between,
    rows_counted,
    rows_from,
)

# Large enough for a reader, and counted in a few hundredths of a second.
COUNTED_MAX = 100_000
# Beside the agreed envelope, whose names are fixed.
EXACTNESS_HEADER = "Count-Is-Exact"
# What links carry on in place of a count that is not known.
_MORE = 2**53


def _carried(count: int) -> int:
    return _MORE if isinstance(count, MoreThan) else count


class _Numbered(BoundedPaginator):
    """Pages by number: counted whole only for those beyond the bound."""

    def most(self) -> int:
        return COUNTED_MAX

    def count_whole(self) -> None:
        """Count all rows, where that is worth its time."""
        rows: Any = self.object_list
        self.__dict__.pop("num_pages", None)
        self.__dict__["count"] = rows.order_by().count()

    def validate_number(self, number: float | str) -> int:
        with suppress(EmptyPage):
            place = super().validate_number(number)
            # Of the last page within the bound it is not known whether it is the last.
            if place < self.num_pages or not isinstance(self.count, MoreThan):
                return place
        if isinstance(self.count, MoreThan):
            self.count_whole()
        return super().validate_number(number)


class NewestFirst(Pages):
    """Pages as ``{count, next, previous, results}`` whose links name a row in ``cursor``.

    Rows that come while a caller reads on neither repeat nor hide others, and a page far down
    costs no more than the first. ``page`` is taken as well, and costs what it passes over.
    ``count`` is of the moment at which the first page was read; the links carry it on. It is exact
    up to ``COUNTED_MAX`` rows, as the header ``Count-Is-Exact`` says: to count millions takes
    longer than to read a page of them.
    """

    cursor_query_param = "cursor"
    django_paginator_class = _Numbered
    parameters = (*Pages.parameters, cursor_query_param)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        self._url = remove_query_param(request.build_absolute_uri(), self.page_query_param)
        self._name = moment_name(queryset.model)
        self._links: dict[str, Place | None] = {}
        given = request.query_params.get(self.cursor_query_param)
        self._is_numbered = given is None and self.page_query_param in request.query_params
        if self._is_numbered:
            rows: list[Any] = list(super().paginate_queryset(queryset, request, view) or ())
            page: Any = self.page
            self._count = _carried(page.paginator.count)
            self._link(rows, is_more=page.has_next(), is_before=False)
            return rows
        place = None if given is None else self._place(given)
        size = self.get_page_size(request) or self.max_page_size
        rows = rows_between(rows_from(queryset, place), 0, size + 1)
        is_more, rows = len(rows) > size, rows[:size]
        if place is None:
            self._count = _carried(rows_counted(queryset, most=COUNTED_MAX))
        else:
            self._count = place.count
        if place is not None and place.is_back:
            rows.reverse()
            self._link(rows, is_more=True, is_before=is_more)
        else:
            self._link(rows, is_more=is_more, is_before=place is not None)
        return rows

    def get_page_number(self, request: Request, paginator: Any) -> Any:
        if request.query_params.get(self.page_query_param) in self.last_page_strings:
            paginator.count_whole()
        return super().get_page_number(request, paginator)

    def _place(self, text: str) -> Place:
        place = Place.read(text)
        if place is None:
            raise ValidationError({self.cursor_query_param: ["Follow the links of a page."]})
        return place

    def _link(self, rows: list[Any], *, is_more: bool, is_before: bool) -> None:
        for name, row, is_wanted in (
            ("next", rows[-1] if rows else None, is_more),
            ("previous", rows[0] if rows else None, is_before),
        ):
            if is_wanted and row is not None:
                is_back = name == "previous"
                moment = getattr(row, self._name)
                self._links[name] = Place(is_back, moment, row.pk, self._count)

    def get_next_link(self) -> str | None:
        return self._address("next")

    def get_previous_link(self) -> str | None:
        if self._is_numbered:
            return super().get_previous_link()
        return self._address("previous")

    def _address(self, name: str) -> str | None:
        place = self._links.get(name)
        if place is None:
            return None
        return str(replace_query_param(self._url, self.cursor_query_param, str(place)))

    def get_paginated_response(self, data: Any) -> Response:
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        is_exact = self._count != _MORE
        count = self._count if is_exact else COUNTED_MAX
        headers = {EXACTNESS_HEADER: "true" if is_exact else "false"}
        return Response({"count": count, **links, "results": data}, headers=headers)

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        described: dict[str, Any] = super().get_paginated_response_schema(schema)
        described["properties"]["count"]["description"] = (
            f"Exact up to {COUNTED_MAX}; beyond it stays there and the header {EXACTNESS_HEADER} "
            "is false."
        )
        return described

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {
            "name": self.cursor_query_param,
            "required": False,
            "in": "query",
            "description": "A place in the list, as the links of a page name it.",
            "schema": {"type": "string"},
        }
        return [cursor, *super().get_schema_operation_parameters(view)]
