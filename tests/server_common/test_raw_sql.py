"""Rows of statements written by hand become the objects that querysets return."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model

from devices.models import Site, Terminal
from faces.models import Delivery, Library, Person
from server_common.raw_sql import columns_of, from_row, rows_of, table, width_of
from tests.support.people import enrol

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize("model", [Terminal, Site, Person, Delivery])
def test_an_object_of_a_row_is_that_of_the_queryset(
    model: type[Model], library: Library, terminal: Terminal, site: Site
) -> None:
    enrol(library, "1", valid_from=DAY)
    site.allowed_networks = ["10.0.0.0/8", "::1/128"]
    site.save()
    Delivery.objects.get_or_create(terminal=terminal, user_id="other", changed_at=DAY)
    objects: Any = model._default_manager
    expected = objects.first()

    (row,) = rows_of(
        f"SELECT {columns_of(model, 'x')} FROM {table(model)} x WHERE x.id = %(pk)s",
        {"pk": expected.pk},
    )
    made = from_row(model, row)

    assert len(row) == width_of(model)
    for field in model._meta.concrete_fields:
        assert getattr(made, field.attname) == getattr(expected, field.attname), field.attname
    assert made._state.adding is False
    assert connection.vendor in {"postgresql", "sqlite"}
