"""``/metrics``: figures of the fleet, for a superuser's token alone."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from devices.services import api_token_create
from faces.choices import Remedy
from faces.models import Delivery, Revocation, TerminalCursor
from tests.support.two_sites import World, client_of

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def figures(client: Client) -> dict[tuple[str, ...], float]:
    """Scrape and return figures by name and the values of their labels."""
    response = client.get("/metrics")
    assert response.status_code == 200
    return {
        (sample.name, *(sample.labels[key] for key in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_how_long_forgetting_took_is_a_histogram(world: World) -> None:
    now = timezone.now()
    for seconds in (3, 40, 40, 4000):
        Revocation.objects.create(
            site=world.ours.site,
            user_id=str(seconds),
            state="forgotten",
            begun_at=now - timedelta(seconds=seconds),
            ended_at=now,
        )

    found = figures(client_of(world.superuser))

    name = "menjin_revocation_seconds"
    within = {
        edge: found[f"{name}_bucket", *sorted_labels(edge)]
        for edge in ("5.0", "30.0", "60.0", "3600.0", "14400.0", "+Inf")
    }
    assert within == {"5.0": 1, "30.0": 1, "60.0": 3, "3600.0": 3, "14400.0": 4, "+Inf": 4}
    assert found[f"{name}_sum", "alpha"] == pytest.approx(4083)
    assert found["menjin_revocations_open", "alpha", "open"] == 1
    assert found["menjin_revocation_oldest_seconds", "bravo", "open"] >= 0


def sorted_labels(edge: str) -> tuple[str, str]:
    """Return the values of the labels "le" and "site", in that order."""
    return edge, "alpha"


def test_terminals_faces_and_alerts_are_counted(world: World) -> None:
    Delivery.objects.filter(pk=world.ours.delivery.pk).update(remedy=Remedy.RETAKE)
    Delivery.objects.filter(pk=world.theirs.delivery.pk).update(state="fetched")
    now = timezone.now()
    for user_id, state, unanswered in (("in vain", "unconfirmed", 4), ("silent", "fetched", 0)):
        Delivery.objects.create(
            terminal=world.ours.terminal,
            user_id=user_id,
            state=state,
            unanswered=unanswered,
            changed_at=now,
        )
    # What it fetched before it began to report is told again soon.
    TerminalCursor.objects.update_or_create(
        terminal=world.ours.terminal, defaults={"reported_at": now}
    )
    TerminalCursor.objects.get_or_create(terminal=world.theirs.terminal)

    found = figures(client_of(world.superuser))

    # Labels in order of their names: presence, site, status; remedy, site; kind, severity, …
    assert found["menjin_terminals", "never", "alpha", "approved"] == 1
    assert found["menjin_deliveries_needing_somebody", "retake", "alpha"] == 1
    assert found["menjin_deliveries_unconfirmed", "alpha", "4"] == 1
    assert found["menjin_terminals_not_reporting", "bravo"] == 1
    assert ("menjin_terminals_not_reporting", "alpha") not in found
    alerts = {key: value for key, value in found.items() if key[0] == "menjin_alerts_open"}
    assert sum(alerts.values()) == 2


def test_only_superusers_scrape(world: World) -> None:
    client = Client()
    mine = api_token_create(user=world.superuser, name="scraper")
    theirs = api_token_create(user=world.manager, name="other")

    assert client.get("/metrics").status_code == 401
    for token, status in ((mine, 200), (theirs, 401), ("wrong", 401), ("", 401)):
        answer = client.get("/metrics", headers={"Authorization": f"Token {token}"})
        assert answer.status_code == status
    assert client_of(world.manager).get("/metrics").status_code == 401
    assert client.post("/metrics").status_code == 405


def test_after_wrong_tokens_an_address_waits_as_in_rest(world: World) -> None:
    client = Client()
    mine = api_token_create(user=world.superuser, name="scraper")
    wrong = {"Authorization": "Token wrong"}

    statuses = [client.get("/metrics", headers=wrong).status_code for _ in range(6)]
    waits = client.get("/metrics", headers=wrong)
    rest = client.get("/api/v1/sites/", headers=wrong)

    assert statuses == [401] * 5 + [429]
    assert (waits.status_code, rest.status_code) == (429, 429)
    assert 0 < int(waits["Retry-After"]) <= 60
    # Right ones never wait: there is nothing to guess.
    right = client.get("/metrics", headers={"Authorization": f"Token {mine}"})
    assert right.status_code == 200
