"""Rows that many tests begin with: made once by the services, then stored again as they were.

What takes the services a hundred statements takes a dozen here, one for each table. Moments move
on by the time that has passed, files that a test has deleted are written again.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Self, TypeVar, cast

from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import FileField, ForeignKey, Model
from django.utils import timezone

Built = TypeVar("Built")
Key = tuple[type[Model], Any]


@dataclass(frozen=True)
class Snapshot(Generic[Built]):
    """What was built, the rows that were stored for it, and the files these name.

    Attributes:
        built: a dataclass of rows, as its builder returned it.
        rows: as the database has them, in the order of their tables.
        files: by name.
        at: when they were stored.
    """

    built: Built
    rows: list[Model]
    files: dict[str, bytes]
    at: datetime

    @classmethod
    def of(cls, build: Callable[[], Built]) -> Self:
        """Build, and keep what was stored meanwhile."""
        before = {_key(row) for row in _all_rows()}
        built = build()
        at = timezone.now()
        rows = [row for row in _all_rows() if _key(row) not in before]
        names = {str(getattr(row, name)) for row in rows for name in _files_of(row)} - {""}
        return cls(built, rows, {name: _read(name) for name in names}, at)

    def stored_again(self) -> Built:
        """Store the rows in a database without them; returns what was built, as new objects."""
        for name, content in self.files.items():
            if not default_storage.exists(name):
                default_storage.save(name, ContentFile(content))
        passed = timezone.now() - self.at
        found: dict[Key, Model] = {}
        tables: dict[type[Model], list[Model]] = {}
        for row in self.rows:
            again = type(row)(**_values(row, passed))
            found[_key(row)] = again
            tables.setdefault(type(row), []).append(again)
        # References between tables are checked when the transaction ends.
        with transaction.atomic():
            for model, of_table in tables.items():
                model._base_manager.bulk_create(of_table)
        for row in found.values():
            _link(row, found)
        return cast("Built", _renewed(self.built, found))


def _values(row: Model, passed: timedelta) -> dict[str, Any]:
    """Return a row's values by column, its moments moved on."""
    values = {field.attname: field.value_from_object(row) for field in row._meta.concrete_fields}
    for name in _files_of(row):
        values[name] = str(values[name])
    return {
        name: value + passed if isinstance(value, datetime) else copy.deepcopy(value)
        for name, value in values.items()
    }


def _key(row: Model) -> Key:
    return type(row), row.pk


def _all_rows() -> Iterator[Model]:
    for model in apps.get_models():
        if model._meta.managed and not model._meta.proxy and not model._meta.parents:
            yield from model._base_manager.order_by("pk")


def _files_of(row: Model) -> Iterator[str]:
    return (field.name for field in row._meta.concrete_fields if isinstance(field, FileField))


def _read(name: str) -> bytes:
    with default_storage.open(name) as file:
        return cast("bytes", file.read())


def _link(row: Model, found: dict[Key, Model]) -> None:
    """Let a row know the rows it points to, as those know each other that have just been built."""
    for field in row._meta.concrete_fields:
        if isinstance(field, ForeignKey):
            target = found.get((field.related_model, getattr(row, field.attname)))
            if target is not None:
                setattr(row, field.name, target)


def _renewed(value: Any, found: dict[Key, Model]) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(
            **{one.name: _renewed(getattr(value, one.name), found) for one in fields(value)}
        )
    return found[_key(value)] if isinstance(value, Model) else value
