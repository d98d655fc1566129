"""Delete many rows in batches, so that none of them locks a table for long."""

from typing import Any

from django.db.models import QuerySet


def delete_in_batches(rows: QuerySet[Any], *, size: int) -> int:
    """Delete rows, so many in one transaction of their own; returns how many.

    Args:
        rows: asked for again before each batch.
        size: rows of a batch.
    """
    total = 0
    while keys := list(rows.order_by().values_list("pk", flat=True)[:size]):
        total += rows.model._base_manager.filter(pk__in=keys).delete()[0]
    return total
