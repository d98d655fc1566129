"""A known terminal that appears from a new address raises an alarm, once."""

import pytest

from devices.choices import Trust
from devices.models import Site, Terminal
from devices.selectors import terminal_trust
from devices.services import presence_flush
from records.models import Alert
from records.services import presence_alarms
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def call(wire: WireClient, address: str) -> None:
    """Let the terminal be heard from an address, and the sweep run."""
    wire.client.post(
        f"{wire.base}/syheartbeat/{wire.device_id}",
        b"",
        content_type="application/json",
        REMOTE_ADDR=address,
    )
    presence_alarms()


def test_only_another_address_alarms_and_only_once(wire: WireClient, terminal: Terminal) -> None:
    call(wire, "10.0.0.7")
    call(wire, "10.0.0.7")
    assert Alert.objects.count() == 0

    call(wire, "10.0.0.8")
    call(wire, "10.0.0.8")
    call(wire, "10.0.0.7")

    alert = Alert.objects.get()
    assert (alert.kind, alert.facts) == ("new_address", {"address": "10.0.0.8"})


def test_every_foreign_caller_alarms_however_many_come_between_two_sweeps(
    wire: WireClient, terminal: Terminal
) -> None:
    """Twenty foreign reads made eight alarms: of those between two flushes the last one counted."""
    call(wire, "10.0.0.7")
    foreign = [f"10.0.1.{number}" for number in range(20)]

    for address in foreign:
        wire.client.get(f"{wire.base}/syrecord/{wire.device_id}", REMOTE_ADDR=address)
    presence_alarms()

    assert sorted(one.facts["address"] for one in Alert.objects.all()) == sorted(foreign)


def test_of_several_addresses_at_first_the_earliest_is_where_it_lives(
    wire: WireClient, terminal: Terminal
) -> None:
    for address in ("10.0.0.9", "10.0.0.7", "10.0.0.8"):
        wire.client.get(f"{wire.base}/syrecord/{wire.device_id}", REMOTE_ADDR=address)
    presence_alarms()

    assert sorted(one.facts["address"] for one in Alert.objects.all()) == ["10.0.0.7", "10.0.0.8"]


@pytest.mark.parametrize(
    ("networks", "by_token", "trust"),
    [
        (["127.0.0.0/8"], True, Trust.TOKEN_AND_ADDRESS),
        (["127.0.0.0/8"], False, Trust.ADDRESS),
        ([], True, Trust.TOKEN),
        ([], False, Trust.OPEN),
    ],
)
def test_trust_says_what_the_platform_knows(
    site: Site, terminal: Terminal, token: str, networks: list[str], by_token: bool, trust: Trust
) -> None:
    Site.objects.update(allowed_networks=networks)
    WireClient(token=token if by_token else None).post("syheartbeat", "")
    presence_flush()

    assert terminal_trust(Terminal.objects.select_related("site").get()) == trust
