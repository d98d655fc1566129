"""What a terminal reports, and what it is told then."""

from datetime import timedelta

from django.utils import timezone

from faces.models import Delivery
from faces.services import (
    deliveries_retry,
)
from tests.support.wire import WireClient


def report(wire: WireClient, user_id: str, code: str, message: str = "") -> None:
    result = {"userID": user_id, "status": code, "msg": message}
    assert wire.post("syresult", {"resultList": result})["ret"] == "0"


def told(wire: WireClient) -> list[tuple[str, str]]:
    """Poll once, keeping the cursor: (operation, user id) of each entry."""
    entries, wire.cursor = wire.poll()
    return [(one["operation"], one["userId"]) for one in entries]


def row_of(user_id: str) -> Delivery:
    return Delivery.objects.get(user_id=user_id)


def in_a_while(**wait: int) -> int:
    return deliveries_retry(now=timezone.now() + timedelta(**wait))
