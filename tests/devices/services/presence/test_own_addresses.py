"""A terminal with an address of its own: nobody with the site's address poses as it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from devices.choices import Trust
from devices.models import AuditEntry, Site, SiteToken, Terminal
from devices.selectors import site_base_url, terminal_base_url, terminal_trust
from devices.services import (
    Admission,
    Refusal,
    admit,
    heartbeat_known,
    site_create,
    site_token_rotate,
    terminal_address_end,
    terminal_address_replace,
)
from devices.services.sites import TOKEN_PURPOSE
from faces.services import sync_state_of_caller
from server_common.crypto import keyed_digest
from server_common.process_state import process_state_forget

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
HERE = "127.0.0.1"


@pytest.fixture
def own(terminal: Terminal) -> str:
    """Return the token of the terminal's own address, not yet used."""
    return str(terminal_address_replace(terminal=terminal, overlap=timedelta()).token)


def outcome(token: str | None, device_id: str) -> str:
    """Return how a caller is let in: "in", or why not; the short ways say the same or nothing."""
    # Heartbeats are remembered for two minutes (``heartbeat_known``).
    process_state_forget()
    found = admit(token=token, device_id=device_id, address=HERE)
    if isinstance(found, Refusal):
        if token is not None:
            assert heartbeat_known(token=token, device_id=device_id, address=HERE) is None
            assert (
                sync_state_of_caller(token=token, device_id=device_id, address=HERE, asked=1)
                is None
            )
        return found.reason
    assert token is None or heartbeat_known(token=token, device_id=device_id, address=HERE)
    assert token is None or sync_state_of_caller(
        token=token, device_id=device_id, address=HERE, asked=1
    )
    return "in"


def test_the_sites_address_holds_until_the_first_call_under_its_own(
    terminal: Terminal, token: str, own: str
) -> None:
    assert outcome(token, terminal.device_id) == "in"

    assert outcome(own, terminal.device_id) == "in"

    assert outcome(token, terminal.device_id) == "this terminal has an address of its own"
    assert outcome(own, terminal.device_id) == "in"
    assert outcome(token, "another") == "in"


def test_the_short_ways_leave_the_first_call_to_be_noted(terminal: Terminal, own: str) -> None:
    device_id = terminal.device_id
    assert heartbeat_known(token=own, device_id=device_id, address=HERE) is None
    assert sync_state_of_caller(token=own, device_id=device_id, address=HERE, asked=1) is None
    assert Terminal.objects.get().own_address_since is None


def test_the_bare_path_is_refused_as_well(terminal: Terminal, own: str) -> None:
    Site.objects.update(allow_bare_path=True)
    assert outcome(None, terminal.device_id) == "in"

    outcome(own, terminal.device_id)

    assert outcome(None, terminal.device_id) == "this terminal has an address of its own"


def test_one_terminals_address_is_no_other_terminals(
    site: Site, terminal: Terminal, own: str
) -> None:
    Terminal.objects.create(site=site, device_id="other", status="approved")

    assert outcome(own, "other") == "this address belongs to another terminal"
    assert outcome(own, "new") == "this address belongs to another terminal"
    assert not Terminal.objects.filter(device_id="new").exists()


def test_a_refused_call_under_it_changes_nothing(terminal: Terminal, token: str, own: str) -> None:
    Site.objects.update(allowed_networks=["10.0.0.0/8"])
    assert isinstance(admit(token=own, device_id=terminal.device_id, address=HERE), Refusal)
    Site.objects.update(allowed_networks=[])

    assert outcome(token, terminal.device_id) == "in"


def test_one_replaced_twice_ends_with_the_shorter_overlap(terminal: Terminal, own: str) -> None:
    terminal_address_replace(terminal=terminal, overlap=timedelta(days=7))
    assert outcome(own, terminal.device_id) == "in"

    terminal_address_replace(terminal=terminal, overlap=timedelta())

    assert outcome(own, terminal.device_id) == "unknown address token"


def test_a_replaced_one_goes_on_for_its_overlap(terminal: Terminal, token: str, own: str) -> None:
    device_id = terminal.device_id
    outcome(own, device_id)
    newer = terminal_address_replace(terminal=terminal, overlap=timedelta(hours=1)).token
    assert (outcome(own, device_id), outcome(newer, device_id)) == ("in", "in")

    SiteToken.objects.filter(terminal=terminal, ends_at__isnull=False).update(
        ends_at=timezone.now()
    )

    assert (outcome(own, device_id), outcome(newer, device_id)) == ("unknown address token", "in")
    assert outcome(token, device_id) == "this terminal has an address of its own"


def test_a_new_address_of_the_site_leaves_it_alone(
    site: Site, terminal: Terminal, token: str, own: str
) -> None:
    newer = site_token_rotate(site=site, overlap=timedelta()).token

    assert outcome(token, terminal.device_id) == "unknown address token"
    assert outcome(newer, terminal.device_id) == "in"
    assert outcome(own, terminal.device_id) == "in"


def test_without_it_the_terminal_is_back_under_the_sites_address(
    terminal: Terminal, token: str, own: str
) -> None:
    outcome(own, terminal.device_id)

    terminal_address_end(terminal=terminal)

    assert outcome(own, terminal.device_id) == "unknown address token"
    assert outcome(token, terminal.device_id) == "in"


def test_trust_says_what_is_possible(terminal: Terminal, own: str) -> None:
    assert terminal_trust(Terminal.objects.get()) == Trust.TOKEN

    outcome(own, terminal.device_id)

    assert terminal_trust(Terminal.objects.get()) == Trust.OWN
    Site.objects.update(allowed_networks=["127.0.0.0/8"])
    assert terminal_trust(Terminal.objects.get()) == Trust.OWN_AND_ADDRESS


def test_each_address_is_shown_as_what_it_is(site: Site, terminal: Terminal, token: str) -> None:
    assert terminal_base_url(terminal, root="http://menjin/") == ""

    own = terminal_address_replace(terminal=terminal, overlap=timedelta()).token

    assert terminal_base_url(terminal, root="http://menjin/") == f"http://menjin/t/{own}"
    assert site_base_url(site, root="http://menjin/") == f"http://menjin/t/{token}"


def test_addresses_begin_with_the_tag_of_their_site(site: Site, terminal: Terminal) -> None:
    """So that a proxy can send each site's terminals to a server of their own."""
    other = site_create(code="other", name="Other")

    told = [
        site_token_rotate(site=site, overlap=timedelta()).token,
        terminal_address_replace(terminal=terminal, overlap=timedelta()).token,
        other.tokens.get().token,
    ]

    tags = [one.split("-", 1)[0] for one in told]
    assert tags == [site.address_tag, site.address_tag, other.address_tag]
    assert len(set(tags)) == 2
    assert all(len(one) == len(told[0]) <= 28 for one in told)


def test_an_address_without_a_tag_goes_on(site: Site, terminal: Terminal) -> None:
    old = "AbCdEfGhIjKlMnOpQrStUv"
    SiteToken.objects.filter(terminal=None).update(
        token=old, digest=keyed_digest(old, purpose=TOKEN_PURPOSE)
    )

    assert outcome(old, terminal.device_id) == "in"


def test_it_is_audited_without_the_token(terminal: Terminal) -> None:
    own = terminal_address_replace(terminal=terminal, overlap=timedelta()).token
    admit(token=own, device_id=terminal.device_id, address=HERE)
    terminal_address_end(terminal=terminal)

    told = str(list(AuditEntry.objects.values_list("changes", flat=True)))
    assert own not in told
    assert "own_address_since" in told
    assert "ends_at" in told


def test_admission_says_under_which_address(terminal: Terminal, token: str, own: str) -> None:
    found = [admit(token=one, device_id=terminal.device_id, address=HERE) for one in (token, own)]

    tokens = [SiteToken.objects.get(terminal=one).pk for one in (None, terminal)]
    assert [one.token_id for one in found if isinstance(one, Admission)] == tokens
