"""Rate limits: nobody starves a well-behaved fleet, and nobody loses an upload."""

import json
from typing import Any

import pytest

from devices.models import Terminal
from devices.services import stranger_may_call
from devices.services.calls.limits import Limit, bucket
from records.models import Record
from server_common.call_store import CallStore, MemoryCallStore, RedisCallStore
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, settings: Any) -> CallStore:
    """Return both kinds of stores."""
    if request.param == "memory":
        return MemoryCallStore()
    return RedisCallStore(settings.REDIS_URL)


def test_a_bucket_gives_its_burst_and_refills_at_its_rate(store: CallStore) -> None:
    limit = Limit(rate=2, burst=5)

    at_once = [store.run([bucket("a", limit)], now=100.0) for _ in range(7)]
    later = [store.run([bucket("a", limit)], now=101.0) for _ in range(3)]
    other = store.run([bucket("b", limit)], now=100.0)

    assert at_once == [True] * 5 + [False] * 2
    assert later == [True, True, False]
    assert other is True


def test_a_clock_that_steps_back_gives_nothing_away(store: CallStore) -> None:
    limit = Limit(rate=1, burst=1)

    assert store.run([bucket("c", limit)], now=100.0) is True
    assert store.run([bucket("c", limit)], now=50.0) is False


def test_a_flooding_terminal_is_told_to_come_back_and_its_neighbour_is_served(
    wire: WireClient, terminal: Terminal, token: str, settings: Any
) -> None:
    settings.TERMINAL_RATE = (1, 3)
    settings.ADDRESS_RATE = (1, 100)
    neighbour = WireClient(token=token, device_id="0000002")

    answers = [
        wire.raw("syface", {"userId": "1", "screenTime": 1000 + number}) for number in range(10)
    ]

    assert [one.status_code for one in answers] == [200] * 3 + [503] * 7
    assert answers[-1]["Retry-After"] == "10"
    assert json.loads(answers[-1].content)["ret"] == "50002"
    assert Record.objects.count() == 3
    assert neighbour.post("syheartbeat", "")["ret"] == "0"


def test_guessing_tokens_is_slowed_down_without_hurting_the_fleet(
    wire: WireClient, terminal: Terminal, settings: Any
) -> None:
    settings.STRANGER_RATE = (1, 3)
    guesser = WireClient(token="not-a-token")

    statuses = [guesser.raw("syheartbeat", "").status_code for _ in range(6)]

    assert statuses == [200, 200, 200, 503, 503, 503]
    assert wire.post("syheartbeat", "")["ret"] == "0"


def guesses(addresses: list[str], *, trusted: bool, settings: Any) -> list[int]:
    """Guess a token once from each address, told by a chain of hops from 10.0.0.1."""
    settings.STRANGER_RATE = (0.001, 3)
    settings.TRUSTED_PROXIES = ["10.0.0.1"] if trusted else []
    guesser = WireClient(token="not-a-token")
    return [
        guesser.client.post(
            f"{guesser.base}/syheartbeat/1",
            b"",
            content_type="application/json",
            headers={"X-Forwarded-For": address},
            REMOTE_ADDR="10.0.0.1",
        ).status_code
        for address in addresses
    ]


FORGED = [f"203.0.113.{number}" for number in range(6)]


def test_a_forged_chain_gives_no_fresh_budgets(wire: WireClient, settings: Any) -> None:
    assert guesses(FORGED, trusted=False, settings=settings) == [200] * 3 + [503] * 3
    assert wire.post("syheartbeat", "")["ret"] == "0"


def test_a_proxy_is_not_slowed_for_those_it_passes_on(wire: WireClient, settings: Any) -> None:
    assert guesses(FORGED, trusted=True, settings=settings) == [200] * 6
    assert guesses(FORGED[:1] * 6, trusted=True, settings=settings) == [200] * 2 + [503] * 4


def test_an_address_of_ipv6_is_its_whole_network(settings: Any) -> None:
    """Whoever has one address of a /64 can take all."""
    network = [f"2001:db8:0:1::{number}" for number in range(6)]
    other = ["2001:db8:0:2::1"]

    found = guesses(network + other, trusted=True, settings=settings)

    assert found == [200] * 3 + [503] * 3 + [200]


def test_the_peer_is_slowed_as_well_as_the_address(settings: Any) -> None:
    settings.STRANGER_RATE = (0.001, 3)

    found = [stranger_may_call(address=one, peer="198.51.100.1") for one in FORGED]

    assert found == [True] * 3 + [False] * 3


def test_callers_without_an_address_share_a_budget(settings: Any) -> None:
    settings.STRANGER_RATE = (0.001, 3)

    assert [stranger_may_call(address="") for _ in range(4)] == [True] * 3 + [False]
