"""Querysets whose SQL is made once, for what thousands of terminals ask all day.

Building and compiling a queryset costs Python many times what PostgreSQL needs to answer it. The
queryset stays the one definition of what is asked; here its SQL is kept with the places of its
values, and later questions fill in theirs.
"""

import threading
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import Model, QuerySet

# Stand-ins for values, so unlike any real one that their places in the SQL's parameters are plain.
_NUMBER = 7_000_000_000_000_000_000
_MOMENT = datetime(9000, 1, 1, tzinfo=UTC)
_TEXT = "\ue000 stands for value "


class FrozenQuery:
    """A queryset of ``values_list`` with names for its values; rows come as the driver has them.

    Args:
        build: makes the queryset from keyword arguments, each an int, a str or a datetime. They
            may be used as values of conditions only: what depends on them in any other way, the
            length of a list or a choice between conditions, belongs into ``variant``.
        **kinds: the type of each argument.

    On other databases than PostgreSQL the queryset itself is asked each time.
    """

    def __init__(self, build: Callable[..., "QuerySet[Any, Any]"], **kinds: type) -> None:
        self._build = build
        self._kinds = kinds
        self._lock = threading.Lock()
        self._frozen: dict[tuple[tuple[str, Hashable], ...], tuple[str, list[Any]]] = {}

    def rows(self, variant: dict[str, Hashable], **values: Any) -> list[tuple[Any, ...]]:
        """Return the rows.

        Args:
            variant: keyword arguments of ``build`` that shape the SQL; it is made once for each.
            **values: the values.
        """
        if connection.vendor != "postgresql":
            return list(self._build(**variant, **values))
        key = tuple(sorted(variant.items()))
        frozen = self._frozen.get(key)
        if frozen is None:
            frozen = self._freeze(variant)
            with self._lock:
                self._frozen[key] = frozen
        sql, places = frozen
        parameters = [
            values[place.name] if isinstance(place, _Place) else place for place in places
        ]
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def _freeze(self, variant: dict[str, Hashable]) -> tuple[str, list[Any]]:
        stand_ins = {
            name: _stand_in(kind, number) for number, (name, kind) in enumerate(self._kinds.items())
        }
        names = {value: name for name, value in stand_ins.items()}
        sql, parameters = self._build(**variant, **stand_ins).query.sql_with_params()
        places = [
            _Place(names[value]) if isinstance(value, Hashable) and value in names else value
            for value in parameters
        ]
        if any(str(value) in sql for value in names):
            raise TypeError("a value is part of the SQL and not of its parameters")
        return sql, places


class _Place:
    """Where a value goes."""

    def __init__(self, name: str) -> None:
        self.name = name


def _stand_in(kind: type, number: int) -> Any:
    if kind is int:
        return _NUMBER + number
    if kind is datetime:
        return _MOMENT + timedelta(days=number)
    return f"{_TEXT}{number}"


def columns_of(model: type[Model], path: str = "") -> list[str]:
    """Return the names of all columns of a model for ``values_list``, behind a relation's path."""
    return [f"{path}{field.attname}" for field in model._meta.concrete_fields]


def from_row(model: type[Model], row: tuple[Any, ...]) -> Any:
    """Return an object of a model from the driver's values of all its columns."""
    fields = model._meta.concrete_fields
    if connection.vendor == "postgresql":
        converted = [
            field.from_db_value(value, None, connection)
            if hasattr(field, "from_db_value")
            else value
            for field, value in zip(fields, row, strict=True)
        ]
    else:
        converted = list(row)
    return model.from_db("default", [field.attname for field in fields], converted)
