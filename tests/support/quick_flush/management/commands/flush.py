"""Empty the database after a test that committed, statement by statement only what it filled.

Django's command truncates every table and then makes content types and permissions again, which
takes most of a second each time. After a test a dozen tables have rows.
"""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.db import connections, transaction


class Command(flush.Command):
    """Delete the rows of all tables but content types and permissions, which are as migrated."""

    def handle(self, **options: Any) -> None:
        """Empty the tables that have rows; do all that Django does where that is not enough."""
        if options.get("inhibit_post_migrate") or not _as_migrated(options["database"]):
            super().handle(**options)
            return
        connection = connections[options["database"]]
        kept = {ContentType._meta.db_table, Permission._meta.db_table}
        tables = set(connection.introspection.django_table_names(only_existing=True)) - kept
        names = {table: connection.ops.quote_name(table) for table in tables}
        # References are checked when the transaction ends, so the order does not matter.
        with transaction.atomic(using=options["database"]), connection.cursor() as cursor:
            cursor.execute(
                " UNION ALL ".join(
                    f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {name})"
                    for table, name in names.items()
                )
            )
            filled = [table for (table,) in cursor.fetchall()]
            for table in filled:
                cursor.execute(f"DELETE FROM {names[table]}")


def _as_migrated(database: str) -> bool:
    """Return whether no test has added or removed content types or permissions."""
    models = apps.get_models()
    permissions = sum(
        len(model._meta.default_permissions) + len(model._meta.permissions) for model in models
    )
    return (
        ContentType.objects.using(database).count() == len(models)
        and Permission.objects.using(database).count() == permissions
    )
