"""Results that arrive at once, in several processes, are all taken in and none is refused."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection

from devices.models import Terminal
from faces.models import Delivery
from tests.support.wire import WireClient

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 12


def post_at_once(token: str, bodies: Sequence[dict[str, Any]]) -> list[int]:
    """Post every body from a thread of its own in the same moment; return the HTTP statuses."""
    start = threading.Barrier(len(bodies))
    statuses: list[int] = []

    def send(body: dict[str, Any]) -> None:
        wire = WireClient(token=token)
        start.wait()
        statuses.append(wire.raw("syresult", body).status_code)
        connection.close()

    threads = [threading.Thread(target=send, args=[body]) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_two_first_results_of_somebody_never_sent(terminal: Terminal, token: str) -> None:
    for number in range(ROUNDS):
        result = {"userID": f"u{number}", "status": "100", "msg": ""}

        assert post_at_once(token, [{"resultList": result}] * 4) == [200] * 4

    assert Delivery.objects.filter(state="stored").count() == ROUNDS


@pytest.mark.slow
def test_the_same_people_in_opposite_order(terminal: Terminal, token: str) -> None:
    results = [{"userID": f"u{number:03d}", "status": "100"} for number in range(60)]

    for _ in range(ROUNDS):
        bodies = [{"resultList": results}, {"resultList": results[::-1]}]
        assert post_at_once(token, bodies) == [200, 200]

    assert Delivery.objects.filter(state="stored").count() == 60
