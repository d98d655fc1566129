"""Pages of REST lists that are newest first: from row to row, however long the list is."""

from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from server_common.api_defaults import Pages
from server_common.long_lists import Place, moment_name, rows_from


class NewestFirst(Pages):
    """``{count, next, previous, results}`` whose links name a row in ``cursor``.

    Rows that come while a caller reads on neither repeat nor hide others, and a page far down
    costs no more than the first. ``page`` is taken as well, and costs what it passes over.
    ``count`` is of the moment at which the first page was read; the links carry it on.
    """

    cursor_query_param = "cursor"
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
            self._count = page.paginator.count
            self._link(rows, is_more=page.has_next(), is_before=False)
            return rows
        place = None if given is None else self._place(given)
        size = self.get_page_size(request) or self.max_page_size
        rows = list(rows_from(queryset, place)[: size + 1])
        is_more, rows = len(rows) > size, rows[:size]
        self._count = queryset.count() if place is None else place.count
        if place is not None and place.is_back:
            rows.reverse()
            self._link(rows, is_more=True, is_before=is_more)
        else:
            self._link(rows, is_more=is_more, is_before=place is not None)
        return rows

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
        return Response({"count": self._count, **links, "results": data})

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        cursor = {
            "name": self.cursor_query_param,
            "required": False,
            "in": "query",
            "description": "A place in the list, as the links of a page name it.",
            "schema": {"type": "string"},
        }
        return [cursor, *super().get_schema_operation_parameters(view)]
