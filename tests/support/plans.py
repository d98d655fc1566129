"""Plans of PostgreSQL that say which index can answer a question, however few rows there are."""

from typing import Any

from django.db import connection
from django.db.models import QuerySet

# Ways that are cheapest for the few rows of a test and would hide that an index is missing.
_ALWAYS_POSSIBLE = ("seqscan", "sort", "incremental_sort")


def plan_of(rows: QuerySet[Any], *, without: tuple[str, ...] = ()) -> str:
    """Return the plan of a question, with ways taken only where there is no other.

    Args:
        rows: the question.
        without: kinds of scans to do without as well, such as ``bitmapscan``.
    """
    with connection.cursor() as cursor:
        for way in (*_ALWAYS_POSSIBLE, *without):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        plan: str = rows.explain()
        for way in (*_ALWAYS_POSSIBLE, *without):
            cursor.execute(f"SET LOCAL enable_{way} = on")
    return plan


def newest_by(rows: QuerySet[Any], index: str) -> str:
    """Return the plan of the first page of rows when there is no index but this one.

    Of several that would do, PostgreSQL takes one by costs that differ by nothing while tables are
    empty. In a transaction that is rolled back.
    """
    table = rows.model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass"
            " AND NOT indisunique AND indexrelid::regclass::text <> %s",
            [table, index],
        )
        others = [name for (name,) in cursor.fetchall()]
        for name in others:
            cursor.execute(f"DROP INDEX {name}")
    return plan_of(rows[:50], without=("bitmapscan",))
