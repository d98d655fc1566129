"""SQL written by hand, with its rows as objects of models.

A page or door asks one thing at a time and takes querysets. What thousands of terminals ask all day
is written by hand in ``queries.py`` of its app, because building and compiling a queryset costs
Python many times what PostgreSQL needs to answer it; a test compares each with its queryset.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection
from django.db.models import Model

Converter = Callable[[Any, Any, Any], Any]


def rows_of(statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run a statement with named parameters and return its rows as the driver has them."""
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return list(cursor.fetchall())


def moment(value: datetime) -> Any:
    """Return a moment as the driver takes it."""
    return connection.ops.adapt_datetimefield_value(value)


def table(model: type[Model]) -> str:
    """Return the name of a model's table."""
    return model._meta.db_table


def columns_of(model: type[Model], alias: str) -> str:
    """Return all columns of a model for ``SELECT``, in the order that ``from_row`` takes."""
    return ", ".join(f"{alias}.{field.column}" for field in model._meta.concrete_fields)


def width_of(model: type[Model]) -> int:
    """Return how many columns a model has."""
    return len(model._meta.concrete_fields)


def from_row(model: type[Model], row: tuple[Any, ...]) -> Any:
    """Return an object of a model from the driver's values of all its columns."""
    names, converters = _reading_of(model, connection.vendor)
    values = list(row)
    for place, column, found in converters:
        for converter in found:
            values[place] = converter(values[place], column, connection)
    return model.from_db("default", names, values)


@cache
def _reading_of(
    model: type[Model], _vendor: str
) -> tuple[list[str], list[tuple[int, Any, list[Converter]]]]:
    """Return the names of a model's columns and how their values are read on this database."""
    fields = model._meta.concrete_fields
    converters = []
    for place, field in enumerate(fields):
        column = field.get_col(model._meta.db_table)
        found = [
            *connection.ops.get_db_converters(column),
            *field.get_db_converters(connection),
        ]
        if found:
            converters.append((place, column, found))
    return [field.attname for field in fields], converters
