"""Admin lists that take only the lookups that their filters offer.

Django takes every lookup that a column knows: a pattern (``name__regex``) that keeps the server
busy for minutes, a transform, another table's columns. Here an address names what the list's
filters and dates offer, with a value of the right kind, or it is refused with 400.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, time
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import BadRequest, FieldDoesNotExist
from django.core.paginator import InvalidPage
from django.db.models import (
    AutoField,
    DateField,
    DateTimeField,
    Field,
    IntegerField,
    Model,
    QuerySet,
    TimeField,
)
from django.http import HttpRequest
from django.utils.dateparse import parse_date, parse_datetime

from server_common.api import ID_MAX

Accepts = Callable[[str], bool]

# Longer than any name, and fewer words than a database joins at once.
_TEXT_MAX = 200
# Years whose first and last moment exist in every time zone.
_YEARS = range(1900, 9000)


def is_text(value: str) -> bool:
    """Return whether every database can look for a text."""
    return len(value) <= _TEXT_MAX and not any(
        one == "\0" or "\ud800" <= one <= "\udfff" for one in value
    )


def is_number(value: str, *, among: range = range(ID_MAX + 1)) -> bool:
    """Return whether a text is a plain whole number of a range."""
    short = len(value) <= len(str(ID_MAX))
    return short and value.isascii() and value.isdecimal() and int(value) in among


def _is_yes_no(value: str) -> bool:
    return value.lower() in {"true", "false", "1", "0"}


def _is_moment(value: str) -> bool:
    try:
        date = parse_date(value)
        moment = parse_datetime(value) if date is None else datetime.combine(date, time.min)
    except ValueError:
        return False
    return moment is not None and moment.year in _YEARS


def _is_whole_moment(value: str) -> bool:
    """Return whether a text is a moment with its time zone, as filters of moments write it."""
    if not _is_moment(value):
        return False
    moment = parse_datetime(value)
    return moment is not None and moment.tzinfo is not None


def _of_field(model: type[Model], path: str) -> Iterator[tuple[str, Accepts]]:
    """Yield what the filter of a column offers, by its name in the address."""
    field: Any = get_fields_from_path(model, path)[-1]
    yield f"{path}__isnull", _is_yes_no
    if field.is_relation:
        target = field.target_field if hasattr(field, "target_field") else None
        name = target.name if target is not None else field.related_model._meta.pk.name
        yield f"{path}__{name}__exact", is_number
    elif isinstance(field, DateField):
        accepts = _is_whole_moment if isinstance(field, DateTimeField) else _is_moment
        yield f"{path}__gte", accepts
        yield f"{path}__lt", accepts
    else:
        yield f"{path}__exact", is_text


def _of_dates(path: str) -> Iterator[tuple[str, Accepts]]:
    for part, among in (("year", _YEARS), ("month", range(1, 13)), ("day", range(1, 32))):
        yield f"{path}__{part}", partial(is_number, among=among)


def _of_filter(model: type[Model], one: Any) -> Iterator[tuple[str, Accepts]]:
    if isinstance(one, type) and issubclass(one, admin.SimpleListFilter):
        yield str(one.parameter_name), is_text
        return
    field = one[0] if isinstance(one, tuple | list) else one
    yield from _of_field(model, field.name if isinstance(field, Field) else str(field))


class ClosedLookups(admin.ModelAdmin):
    """Mixin of every admin page, added when it is registered (``console.admin_site``)."""

    def lookups_offered(self, request: HttpRequest | None) -> dict[str, Accepts]:
        """Return all that may narrow the list; the whole class's, for links between users."""
        filters = [*self.list_filter, *(self.get_list_filter(request) if request else ())]
        found = {name: test for one in filters for name, test in _of_filter(self.model, one)}
        return found | dict(_of_dates(self.date_hierarchy) if self.date_hierarchy else ())

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        accepts = self.lookups_offered(request).get(lookup)
        return accepts is not None and accepts(str(value))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Refuse malformed lookups; a page beyond the last leads to the first."""
        try:
            return super().get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            if isinstance(error.__context__, InvalidPage):
                raise
            raise BadRequest("This list cannot be narrowed that way.") from error

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not is_text(search_term):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin a new row with what an address says, where that can be a value."""
        given = super().get_changeform_initial_data(request)
        return {name: value for name, value in given.items() if _may_begin(self.model, name, value)}

    def response_action(
        self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Refuse chosen rows that are no rows."""
        numbered = isinstance(self.opts.pk, AutoField | IntegerField)
        accepts: Accepts = is_number if numbered else is_text
        if not all(map(accepts, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest("These are no rows of this list.")
        return super().response_action(request, queryset, *args, **kwargs)


def _may_begin(model: type[Model], name: str, value: Any) -> bool:
    """Return whether an address may fill in a field of a new row; moments and times it may not."""
    try:
        field: Any = model._meta.get_field(name)
    except FieldDoesNotExist:
        return False
    if isinstance(field, DateField | TimeField):
        # Django's form takes the address's text for a moment, and breaks.
        return False
    values = value if isinstance(value, list) else [value]
    return all(map(is_number if field.is_relation else is_text, values))


def closed(page: type[admin.ModelAdmin] | None) -> type[admin.ModelAdmin]:
    """Return an admin page's class with its lookups closed."""
    page = page or admin.ModelAdmin
    if issubclass(page, ClosedLookups):
        return page
    names = {"__module__": page.__module__, "__doc__": page.__doc__}
    kind: Any = type(page)
    joined: type[admin.ModelAdmin] = kind(page.__name__, (ClosedLookups, page), names)
    return joined
