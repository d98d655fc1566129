"""The newest rows of a long list are read from an index, not sorted out of all of them."""

from typing import Any

import pytest
from django.db.models import QuerySet

from faces.models import Delivery
from records.models import Alert, Record
from tests.support.plans import newest_by

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.postgres,
]


@pytest.mark.parametrize(
    ("rows", "index"),
    [
        (Delivery.objects.all(), "delivery_newest"),
        (Record.objects.all(), "record_newest"),
        (Record.objects.filter(site_id=1), "record_newest_of_site"),
        (Record.objects.filter(is_late=True), "record_late"),
        (Record.objects.filter(door_opened=False), "record_not_opened"),
        (Record.objects.filter(kind="temperature"), "record_temperatures"),
        (Record.objects.filter(verification="match"), "record_verified"),
        (Alert.objects.all(), "alert_newest"),
        (Alert.objects.filter(site=1), "alert_newest_of_site"),
    ],
)
def test_a_page_of_the_newest_needs_no_sorting(rows: QuerySet[Any], index: str) -> None:
    plan = newest_by(rows.all(), index)

    assert f"using {index} " in plan
    assert "Sort" not in plan


def test_without_its_index_a_page_is_sorted() -> None:
    """So the test above can fail."""
    plan = newest_by(Alert.objects.all(), "no_such_index")

    assert "Sort" in plan
