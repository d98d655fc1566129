"""What the tables refuse, whoever writes."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from devices.models import (
    PresenceChange,
    Site,
    SiteMembership,
    SiteToken,
    Terminal,
    TerminalAddress,
)
from devices.models.site import NETWORKS_MOST, validate_networks

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def refuses(model: Any, constraint: str, **values: Any) -> bool:
    """Tell whether the table refuses a row because of a constraint."""
    with pytest.raises(IntegrityError) as refused, transaction.atomic():
        model.objects.create(**values)
    # SQLite names the columns of a unique constraint, PostgreSQL the constraint.
    return constraint in str(refused.value) or "UNIQUE constraint failed" in str(refused.value)


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ({"device_id": ""}, "terminal_device_id_given"),
        ({"unlock_delay_ms": 19}, "terminal_unlock_delay_range"),
        ({"unlock_delay_ms": 5001}, "terminal_unlock_delay_range"),
        ({"status": "lost"}, "terminal_status_known"),
        ({"device_id": "0000001"}, "terminal_once_per_site"),
    ],
)
def test_no_terminal_is_stored_that_could_not_be(
    site: Site, terminal: Terminal, values: dict[str, Any], constraint: str
) -> None:
    assert refuses(Terminal, constraint, **{"site": site, "device_id": "2", **values})


def test_limits_of_the_unlocking_time_are_stored(site: Site) -> None:
    for delay_ms in (20, 5000):
        Terminal.objects.create(site=site, device_id=str(delay_ms), unlock_delay_ms=delay_ms)


def test_sites_are_told_apart_and_decide_in_known_ways(site: Site) -> None:
    assert refuses(Site, "code", code="garden", name="Again")
    assert refuses(Site, "site_verification_known", code="x", name="X", verification="maybe")


def test_a_site_has_one_current_secret(site: Site) -> None:
    assert refuses(SiteToken, "site_token_one_current", site=site, token="x", digest="x")
    digest = site.tokens.get().digest
    assert refuses(SiteToken, "digest", site=site, token="x", digest=digest, ends_at=timezone.now())


def test_memberships_and_addresses_exist_once(
    site: Site, terminal: Terminal, admin_user: User
) -> None:
    SiteMembership.objects.create(site=site, user=admin_user)
    assert refuses(SiteMembership, "membership_once", site=site, user=admin_user)

    known = {"terminal": terminal, "address": "10.0.0.1", "first_seen_at": timezone.now()}
    TerminalAddress.objects.create(**known)
    assert refuses(TerminalAddress, "terminal_address_once", **known)


def test_a_site_with_terminals_cannot_be_deleted_and_a_terminal_takes_its_history_along(
    site: Site, terminal: Terminal
) -> None:
    PresenceChange.objects.create(terminal=terminal, presence="online", at=timezone.now())
    with pytest.raises(ProtectedError):
        site.delete()

    terminal.delete()
    site.delete()

    assert PresenceChange.objects.count() == SiteToken.objects.count() == 0


def test_a_site_is_compared_with_few_networks_at_each_call() -> None:
    validate_networks(["10.0.0.0/8"] * NETWORKS_MOST)

    with pytest.raises(ValidationError):
        validate_networks(["10.0.0.0/8"] * (NETWORKS_MOST + 1))
