"""Each statement written by hand says what its queryset says."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from devices.models import Site, SiteToken, Terminal
from devices.queries import More, caller_row, terminal_under_token
from devices.services import terminal_address_replace
from server_common.raw_sql import table
from tests.support.factories import make_site, make_terminal

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SHARED = examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
HOUR = timedelta(hours=1)


@pytest.fixture
def terminals(terminal: Terminal) -> list[Terminal]:
    """Return two terminals of a site with addresses of their own, and one of another site."""
    other = make_terminal(terminal.site, device_id="other")
    for one in (terminal, other):
        terminal_address_replace(terminal=one, overlap=HOUR)
    return [terminal, other, make_terminal(make_site(), device_id=terminal.device_id)]


def tokens(now: datetime, digest: str) -> Any:
    """Return the tokens of a digest that count now."""
    counts = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    return SiteToken.objects.filter(counts, digest=digest)


@pytest.mark.slow
@SHARED
@given(
    token=st.integers(0, 3),
    device_id=st.sampled_from(["0000001", "other", "nobody", "%s", "'"]),
    ends_in=st.sampled_from([None, -HOUR, HOUR]),
    own_since=st.booleans(),
    status=st.sampled_from(["pending", "approved", "disabled"]),
    networks=st.sampled_from([[], ["10.0.0.0/8", "::1/128"]]),
)
def test_who_calls(
    terminals: list[Terminal],
    token: int,
    device_id: str,
    ends_in: timedelta | None,
    own_since: bool,
    status: str,
    networks: list[str],
) -> None:
    now = timezone.now()
    used = SiteToken.objects.order_by("pk")[token]
    SiteToken.objects.filter(pk=used.pk).update(ends_at=ends_in and now + ends_in)
    Terminal.objects.update(status=status, own_address_since=now if own_since else None)
    Site.objects.update(allowed_networks=networks)
    found = tokens(now, used.digest).first()
    expected = (
        Terminal.objects.filter(site=found.site_id, device_id=device_id).first() if found else None
    )

    full = terminal_under_token(digest=used.digest, device_id=device_id, now=now)

    assert (full and full[0]) == expected
    if full and expected:
        terminal, with_token = full
        for field in Terminal._meta.concrete_fields:
            assert getattr(terminal, field.attname) == getattr(expected, field.attname)
        for field in Site._meta.concrete_fields:
            assert getattr(terminal.site, field.attname) == getattr(expected.site, field.attname)
        assert (with_token.pk, with_token.terminal_id) == (used.pk, used.terminal_id)

    known = caller_row(
        digests=["unknown", used.digest],
        device_id=device_id,
        now=now,
        more=More(f", (SELECT count(*) FROM {table(Site)}) + %(one)s"),
        parameters={"one": 1},
    )

    is_theirs = expected is not None and (
        used.terminal_id is None if not own_since else used.terminal_id == expected.pk
    )
    assert (known is not None) is is_theirs
    if known and expected:
        assert known.terminal_id == expected.pk
        assert (known.site_id, known.status) == (expected.site_id, status)
        assert known.all_libraries == expected.all_libraries
        assert known.server_url == expected.server_url
        assert (known.token_id, known.more) == (used.pk, (Site.objects.count() + 1,))
