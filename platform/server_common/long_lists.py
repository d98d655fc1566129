"""Bounded counts and pages of lists that are too long to be counted whole.

Counting goes up to a bound, and pages lead on from a row instead of counting rows off
(decision 0025).
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Self

from django.core.paginator import Page, Paginator
from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateTimeField,
    F,
    Func,
    Model,
    QuerySet,
    Value,
)
from django.utils.translation import gettext as _

# No reader leafs through more; filters and searches narrow a longer list.
COUNTED_MAX = 10_000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STEP = timedelta(microseconds=1)
# A few years before the last moment of Python, for time zones.
_MOMENT_MAX = (datetime(9990, 1, 1, tzinfo=UTC) - _EPOCH) // _STEP
_NUMBER_MAX = 2**63 - 1
_PLACE = re.compile(r"([np])([0-9a-f]{1,16})-([0-9a-f]{1,16})-([0-9a-f]{1,16})")


class MoreThan(int):
    """A number of rows that stands for more; it says so where it is shown."""

    def __str__(self) -> str:
        return _("more than %(number)s") % {"number": f"{int(self):,}"}


def rows_counted(rows: QuerySet[Any], *, most: int = COUNTED_MAX) -> int:
    """Count rows, and no further than a bound."""
    found = rows.order_by().values("pk")[: most + 1].count()
    return MoreThan(most) if found > most else found


def rows_between(rows: QuerySet[Any], start: int, stop: int) -> list[Any]:
    """Return a stretch of sorted rows, with what belongs to each.

    In two statements: first it is found which rows they are, then they are joined. In one, all that
    a filter leaves may be joined before they are sorted, for a page of fifty.
    """
    keys = list(rows.values_list("pk", flat=True)[start:stop])
    joined = rows.order_by()
    # The keys say it all, and whose rows these are was asked with them.
    joined.query.clear_where()
    found = joined.in_bulk(keys)
    return [found[key] for key in keys if key in found]


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # Django has it unsubscripted
    """Pages of at most the first ``COUNTED_MAX`` rows."""

    def most(self) -> int:
        """Return up to how many rows are counted."""
        return COUNTED_MAX

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return rows_counted(rows, most=self.most())

    def page(self, number: int | str) -> Page[Any]:
        place = self.validate_number(number)
        rows: Any = self.object_list
        start = (place - 1) * self.per_page
        stop = min(start + self.per_page, self.count)
        return Page(rows_between(rows, start, stop), place, self)


@dataclass(frozen=True, slots=True)
class Place:
    """A row of a list that is newest first, from which a page leads on.

    Attributes:
        is_back: the page is of the rows before it, which are newer.
        moment: of the row, by which the list is sorted.
        number: of the row, which sorts rows of one moment.
        count: rows of the list when its first page was read.
    """

    is_back: bool
    moment: datetime
    number: int
    count: int

    @classmethod
    def read(cls, text: str) -> Self | None:
        """Return the place of a text; None when it is none."""
        found = _PLACE.fullmatch(text)
        if found is None:
            return None
        moment, number, count = (int(part, 16) for part in found.groups()[1:])
        if moment > _MOMENT_MAX or number > _NUMBER_MAX or count > _NUMBER_MAX:
            return None
        return cls(found[1] == "p", _EPOCH + moment * _STEP, number, count)

    def __str__(self) -> str:
        way = "p" if self.is_back else "n"
        return f"{way}{(self.moment - _EPOCH) // _STEP:x}-{self.number:x}-{self.count:x}"


def moment_name(model: type[Model]) -> str:
    """Return the column of moments by which a model is sorted newest first, rows of one by id."""
    ordering = model._meta.ordering or ()
    first = str(ordering[0]) if ordering else ""
    if list(ordering) != [first, "-id"] or not first.startswith("-"):
        raise TypeError(f"{model.__name__} is not sorted newest first")
    return first.removeprefix("-")


def rows_from(rows: QuerySet[Any], place: Place | None) -> QuerySet[Any]:
    """Return the rows beyond a place, those nearest to it first; all of them without a place.

    Moment and id are compared as a pair: rows that changed in one moment can be very many.
    """
    name = moment_name(rows.model)
    if place is None:
        return rows.order_by(f"-{name}", "-id")
    here = _pair(
        Value(place.moment, output_field=DateTimeField()),
        Value(place.number, output_field=BigIntegerField()),
    )
    sign = " > " if place.is_back else " < "
    beyond = Func(
        _pair(F(name), F("id")),
        here,
        template="(%(expressions)s)",
        arg_joiner=sign,
        output_field=BooleanField(),
    )
    order = (name, "id") if place.is_back else (f"-{name}", "-id")
    return rows.filter(beyond).order_by(*order)


def _pair(first: Any, second: Any) -> Func:
    return Func(first, second, template="(%(expressions)s)", output_field=BooleanField())
