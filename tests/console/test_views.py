"""The live page, its catch-up, its buttons and the pictures: signed in, and own sites only."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import SiteMembership, Terminal
from records.models import Alert, Record
from tests.support.two_sites import World, client_of, jpeg

LIVE = reverse("console:live")
STATE = reverse("console:live-state")


def pictures(world: World, side: str) -> list[str]:
    rows = getattr(world, side)
    return [
        reverse("console:photo", args=[rows.photo.pk]),
        reverse("console:record-picture", args=[rows.record.pk]),
        reverse("console:record-reference", args=[rows.record.pk]),
    ]


def test_live_page_asks_for_a_login(client: Client, db: None) -> None:
    answer = client.get(LIVE)

    assert answer.status_code == 302
    assert answer["Location"] == f"{reverse('console:sign-in')}?next={LIVE}"


def test_first_paint_shows_own_records_alerts_and_terminals(world: World) -> None:
    page = client_of(world.manager).get(LIVE).content.decode()

    for words in ("Alpha person", "Kept closed", "The temperature is above the limit", "38.2 °C"):
        assert words in page
    assert "High temperature" in page
    assert "Alpha door" in page
    assert "Bravo" not in page


def test_page_runs_nothing_but_its_own_files(world: World) -> None:
    answer = client_of(world.manager).get(LIVE)

    policy = answer["Content-Security-Policy"]
    page = answer.content.decode()
    assert "script-src 'self'" in policy
    assert "unsafe-inline" not in policy
    assert page.count("<script") == page.count('<script src="/static/') == 1
    assert " style=" not in page
    assert " onclick=" not in page


def test_names_are_text_not_markup(world: World) -> None:
    Record.objects.filter(pk=world.ours.record.pk).update(user_name="<script>alert(1)</script>")

    page = client_of(world.manager).get(LIVE).content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_catch_up_without_a_session_is_refused_without_a_redirect(client: Client, db: None) -> None:
    assert client.get(STATE).status_code == 401


def test_catch_up_brings_own_sites_only(world: World) -> None:
    wall = client_of(world.manager).get(STATE).json()

    assert [card["name"] for card in wall["records"]] == ["Alpha person"]
    assert [card["terminal"] for card in wall["alerts"]] == ["Alpha door"]
    assert [card["name"] for card in wall["terminals"]] == ["Alpha door"]
    assert (wall["counts"]["passes"], wall["counts"]["refused"]) == (1, 1)
    assert wall["counts"]["fevers"] == 1


def test_catch_up_leaves_out_what_the_page_has_long_shown(world: World) -> None:
    client = client_of(world.manager)
    newest = world.ours.record.pk

    just_missed = client.get(STATE, {"after": newest}).json()["records"]
    long_gone = client.get(STATE, {"after": newest + 1000}).json()["records"]

    # Ids may become visible out of order, so the last ones are told again.
    assert [card["id"] for card in just_missed] == [newest]
    assert long_gone == []


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "٣"])
def test_odd_position_is_no_error(world: World, after: str) -> None:
    assert client_of(world.manager).get(STATE, {"after": after}).status_code == 200


def test_reference_is_promised_only_where_there_is_one(world: World) -> None:
    world.ours.photo.delete()

    (card,) = client_of(world.manager).get(STATE).json()["records"]

    assert card["reference"] == ""
    assert card["picture"] != ""


def test_counts_begin_at_the_sites_midnight(world: World) -> None:
    Record.objects.filter(pk=world.ours.record.pk).update(
        received_at=timezone.now() - timedelta(days=1, minutes=1)
    )

    assert client_of(world.manager).get(STATE).json()["counts"]["passes"] == 0


def test_state_costs_the_same_for_many_terminals(
    world: World, django_assert_max_num_queries: object
) -> None:
    for number in range(40):
        Terminal.objects.create(site=world.ours.site, device_id=f"x{number}")
    client = client_of(world.manager)

    # Two of them ask for the user's sites by number, once for records and once for alerts
    # (decision 0025): a small site's rows are found without going through those of all.
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        client.get(STATE)


def test_members_get_the_pictures_of_their_site(world: World) -> None:
    client = client_of(world.guard)

    for address in pictures(world, "ours"):
        answer = client.get(address)
        assert answer.status_code == 200
        assert answer["Content-Type"] == "image/jpeg"
        assert answer["Cache-Control"].startswith("private")
    assert client.get(pictures(world, "ours")[0]).content == jpeg(200)
    assert client.get(pictures(world, "ours")[1]).content == jpeg(80)


def test_pictures_of_other_sites_are_not_there(world: World) -> None:
    client = client_of(world.manager)

    assert [client.get(address).status_code for address in pictures(world, "theirs")] == [404] * 3


@pytest.mark.parametrize("number", [2**63 - 1, 2**63, 10**40])
def test_a_number_that_no_record_has_is_not_there(world: World, number: int) -> None:
    for name in ("console:record-picture", "console:record-reference"):
        response = client_of(world.manager).get(reverse(name, args=[number]))

        assert response.status_code == 404


def test_pictures_need_a_session(world: World, client: Client) -> None:
    assert [client.get(address).status_code for address in pictures(world, "ours")] == [401] * 3


def test_pictures_end_with_the_membership(world: World) -> None:
    client = client_of(world.guard)
    SiteMembership.objects.filter(user=world.guard).delete()

    assert [client.get(address).status_code for address in pictures(world, "ours")] == [404] * 3


@pytest.mark.parametrize(
    ("user", "button", "status", "state"),
    [
        ("manager", "acknowledge", 200, "acknowledged"),
        ("guard", "acknowledge", 200, "acknowledged"),
        ("manager", "clear", 200, "cleared"),
        ("guard", "clear", 403, "active"),
    ],
)
def test_buttons_of_an_alert(world: World, user: str, button: str, status: int, state: str) -> None:
    address = reverse(f"console:alert-{button}", args=[world.ours.alert.pk])

    answer = client_of(getattr(world, user)).post(address, HTTP_ACCEPT="application/json")

    assert answer.status_code == status
    assert Alert.objects.get(pk=world.ours.alert.pk).state == state


@pytest.mark.parametrize("button", ["acknowledge", "clear"])
def test_alert_of_another_site_is_not_there(world: World, button: str) -> None:
    address = reverse(f"console:alert-{button}", args=[world.theirs.alert.pk])

    assert client_of(world.manager).post(address).status_code == 404
    assert Alert.objects.get(pk=world.theirs.alert.pk).state == "active"


def test_button_works_without_the_script(world: World) -> None:
    address = reverse("console:alert-acknowledge", args=[world.ours.alert.pk])

    answer = client_of(world.manager).post(address)

    assert (answer.status_code, answer["Location"]) == (302, LIVE)


def test_button_needs_its_csrf_token(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.manager)
    address = reverse("console:alert-acknowledge", args=[world.ours.alert.pk])

    assert client.post(address).status_code == 403
    assert client.get(address).status_code == 405


def test_guard_sees_no_clear_button(world: World) -> None:
    own = client_of(world.manager).get(STATE).json()["alerts"][0]
    guards = client_of(world.guard).get(STATE).json()["alerts"][0]

    assert own["clear"] != ""
    assert (guards["clear"], guards["acknowledge"] != "") == ("", True)


def test_health_needs_no_login_and_names_its_parts(client: Client, db: None) -> None:
    answer = client.get(reverse("console:healthz"))

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "database": "ok", "channel_layer": "ok"}


def test_health_says_when_the_channel_layer_is_away(
    client: Client, db: None, settings: object
) -> None:
    settings.CHANNEL_LAYERS = {  # type: ignore[attr-defined]
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1/0"]},
        }
    }

    answer = client.get(reverse("console:healthz"))

    assert answer.status_code == 503
    assert answer.json()["channel_layer"] == "away"
    assert answer.json()["database"] == "ok"


def test_language_can_be_switched(world: World) -> None:
    client = client_of(world.manager)

    client.post(reverse("set_language"), {"language": "zh-hans", "next": LIVE})

    assert '<html lang="zh-hans">' in client.get(LIVE).content.decode()


def test_admin_index_leads_to_the_live_page(world: World) -> None:
    page = client_of(world.manager).get(reverse("admin:index")).content.decode()

    assert "Menjin 门禁" in page
    assert f'href="{LIVE}"' in page


def test_login_page_is_there_for_everybody(client: Client, db: None) -> None:
    assert client.get(reverse("admin:login")).status_code == 200
