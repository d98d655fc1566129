"""A queryset's SQL made once says what the queryset says, whatever the values."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model, QuerySet
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from devices.models import Site, Terminal
from faces.models import Delivery, Library, Person
from server_common.frozen_query import FrozenQuery, columns_of, from_row
from tests.support.people import enrol

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SHARED = examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
DAY = datetime(2026, 3, 1, tzinfo=UTC)


def people(
    *, name: str, above: int, since: datetime, descending: bool
) -> QuerySet[Person, tuple[Any, ...]]:
    """Return whoever has a name, a stamp above one, and begins after a moment or is older."""
    found = Person.objects.filter(name=name, sync_stamp__gt=above, valid_from__gt=since)
    return found.order_by("-pk" if descending else "pk").values_list("user_id", "sync_stamp")


@pytest.fixture
def crowd(library: Library) -> list[Person]:
    """Return people of three names with stamps and days of their own."""
    made = [
        enrol(library, str(number), name="ABC"[number % 3], valid_from=DAY - timedelta(days=number))
        for number in range(6)
    ]
    for number, person in enumerate(made):
        Person.objects.filter(pk=person.pk).update(sync_stamp=number)
    return made


@SHARED
@given(
    name=st.sampled_from(["A", "B", "C", "Z", "%s", "'"]),
    above=st.integers(-1, 6),
    since=st.integers(-1, 7).map(lambda days: DAY - timedelta(days=days, hours=1)),
    descending=st.booleans(),
)
def test_rows_are_those_of_the_queryset(
    crowd: list[Person], name: str, above: int, since: datetime, descending: bool
) -> None:
    values: dict[str, Any] = {"name": name, "above": above, "since": since}

    rows = FROZEN.rows({"descending": descending}, **values)

    assert rows == list(people(**values, descending=descending))


FROZEN = FrozenQuery(people, name=str, above=int, since=datetime)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="other databases are asked as ever")
def test_the_queryset_is_built_once_for_each_variant(crowd: list[Person]) -> None:
    built: list[bool] = []

    def build(*, above: int, descending: bool) -> QuerySet[Person, tuple[Any, ...]]:
        built.append(descending)
        return people(name="A", above=above, since=DAY - timedelta(days=99), descending=descending)

    frozen = FrozenQuery(build, above=int)
    for above in range(4):
        frozen.rows({"descending": False}, above=above)
    frozen.rows({"descending": True}, above=1)

    assert built == [False, True]


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="other databases are asked as ever")
def test_a_value_that_shapes_the_sql_is_refused() -> None:
    frozen = FrozenQuery(lambda *, limit: Person.objects.values_list("pk")[:limit], limit=int)

    with pytest.raises(TypeError, match="part of the SQL"):
        frozen.rows({}, limit=3)


@pytest.mark.parametrize("model", [Terminal, Site, Person, Delivery])
def test_an_object_of_a_row_is_that_of_the_queryset(
    model: type[Model], crowd: list[Person], terminal: Terminal, site: Site
) -> None:
    site.allowed_networks = ["10.0.0.0/8", "::1/128"]
    site.save()
    Delivery.objects.get_or_create(terminal=terminal, user_id="1", changed_at=DAY)
    objects: Any = model._default_manager
    frozen = FrozenQuery(
        lambda *, pk: objects.filter(pk=pk).values_list(*columns_of(model)), pk=int
    )
    expected = objects.first()

    (row,) = frozen.rows({}, pk=expected.pk)
    made = from_row(model, row)

    for field in model._meta.concrete_fields:
        assert getattr(made, field.attname) == getattr(expected, field.attname), field.attname
    assert made._state.adding is False
    assert connection.vendor in {"postgresql", "sqlite"}
