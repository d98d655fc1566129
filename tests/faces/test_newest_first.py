"""The newest rows of a long list are read from an index, not sorted out of all of them."""

import os

import pytest
from django.db import connection
from django.db.models import QuerySet

from faces.models import Delivery
from records.models import Record

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(bool(os.environ.get("MENJIN_TEST_SQLITE")), reason="plans of PostgreSQL"),
]


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (Delivery.objects.all(), "delivery_newest"),
        (Record.objects.all(), "record_newest"),
        (Record.objects.filter(site_id=1), "record_newest_of_site"),
        (Record.objects.filter(is_late=True), "record_late"),
    ],
)
def test_a_page_of_the_newest_needs_no_sorting(rows: QuerySet[Delivery], index: str) -> None:
    with connection.cursor() as cursor:
        # An empty table is read whole whatever indexes there are.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
        plan = rows.all()[:50].explain()

    assert f"using {index} " in plan
    assert "Sort" not in plan
