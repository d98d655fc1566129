"""While an update is applied, processes of before it go on writing rows (rolling update).

They know nothing of a new column: where it takes no null, the database fills it in, or they fail.
"""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField
from django.db.models import NOT_PROVIDED, Field

OURS = {"console", "devices", "faces", "records"}
# None can be given by the database to each row alike.
WITHOUT_DEFAULT = {
    "devices.site.address_tag": "another for each site, which only people make",
}


def added_columns() -> Iterator[tuple[str, Field]]:
    """Yield the columns without null that came to a table after its app's first migration."""
    loader = MigrationLoader(None)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        if app not in OURS or name.startswith("0001_"):
            continue
        for operation in migration.operations:
            if not isinstance(operation, AddField):
                continue
            model = apps.all_models[app].get(operation.model_name.lower())
            # What was taken away again is in the way of no row; many to many is another table.
            names = {} if model is None else {one.name: one for one in model._meta.concrete_fields}
            column = names.get(operation.name)
            if column is not None and not column.null:
                yield f"{app}.{operation.model_name}.{operation.name}", column


def test_a_new_column_without_null_has_the_databases_default() -> None:
    columns = dict(added_columns())

    missing = {name for name, one in columns.items() if one.db_default is NOT_PROVIDED}

    assert missing == WITHOUT_DEFAULT.keys()
    assert len(columns) > 25


def test_the_databases_default_is_pythons() -> None:
    """Rows that an older process enters are as rows of the newer one."""
    differing = {
        name: (one.get_default(), one.db_default)
        for name, one in added_columns()
        if one.has_default()
        and one.db_default is not NOT_PROVIDED
        and one.get_default() != one.db_default
    }

    assert differing == {}


@pytest.mark.django_db
@pytest.mark.sqlite
def test_the_database_has_the_defaults() -> None:
    tables: dict[str, dict[str, str | None]] = {}
    missing = []
    with connection.cursor() as cursor:
        for name, one in added_columns():
            table = one.model._meta.db_table
            if table not in tables:
                described = connection.introspection.get_table_description(cursor, table)
                tables[table] = {column.name: column.default for column in described}
            if tables[table][one.column] is None and name not in WITHOUT_DEFAULT:
                missing.append(name)

    assert missing == []
