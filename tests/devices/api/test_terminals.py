"""``/api/v1/devices/``: terminals, what they hold and whether they are there."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from devices.models import SiteToken, Terminal
from devices.services import presence_flush, presence_seen, terminal_address_replace
from faces.models import TerminalCursor
from tests.support.factories import make_library, make_terminal, wire_of
from tests.support.people import enrol
from tests.support.two_sites import World
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

DEVICES = "/api/v1/devices/"


def enter(caller: APIClient, world: World, **fields: Any) -> Any:
    """Enter a terminal at our site and return the response."""
    return caller.post(
        DEVICES, {"site": world.ours.site.pk, "device_id": "17", **fields}, format="json"
    )


def test_a_terminal_entered_by_hand_waits_for_approval(manager: APIClient, world: World) -> None:
    response = enter(manager, world)

    assert response.status_code == 201
    device = response.json()
    assert {name: device[name] for name in device if name not in {"id", "created_at"}} == {
        "device_id": "17",
        "site": world.ours.site.pk,
        "libraries": [],
        "all_libraries": False,
        "name": "",
        "status": "pending",
        "direction": "unknown",
        "unlock_delay_ms": 3000,
        "capacity": None,
        "capacity_learnt_at": None,
        "clock_is_wrong": False,
        "clock_skew_s": None,
        "clock_stands_still": False,
        "repairs": {},
        "model": "",
        "app_version": "",
        "uuid_label": "",
        "nation_code": "",
        "api_address": "",
        "push_port": None,
        "reach": "not_callable",
        "last_address": None,
        "last_seen_at": None,
        "online": False,
        "trust": "token",
        "base_url": "",
        "own_address_since": None,
        "warnings": [],
    }


@pytest.mark.parametrize("device_id", ["17", 17, " 17 "])
def test_a_device_id_is_text_without_blanks_around_it(
    manager: APIClient, world: World, device_id: Any
) -> None:
    assert enter(manager, world, device_id=device_id).json()["device_id"] == "17"


def test_a_device_id_is_taken_once_per_site(
    manager: APIClient, root: APIClient, world: World
) -> None:
    assert enter(manager, world).status_code == 201
    again = enter(manager, world)
    elsewhere = root.post(DEVICES, {"site": world.theirs.site.pk, "device_id": "17"}, format="json")

    assert (again.status_code, again.json()["error"]) == (400, "invalid")
    assert elsewhere.status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("device_id", ""),
        ("device_id", "x" * 33),
        ("device_id", "a\x00"),
        ("device_id", ["17"]),
        ("device_id", None),
        ("status", "broken"),
        ("direction", "up"),
        ("unlock_delay_ms", 19),
        ("unlock_delay_ms", 5001),
        ("unlock_delay_ms", "soon"),
        ("unlock_delay_ms", 10**20),
        ("capacity", -1),
        ("libraries", "x"),
        ("libraries", [0.5]),
        ("libraries", [True]),
        ("libraries", [[1]]),
        ("libraries", [10**18 - 1]),
        ("all_libraries", "some"),
        ("name", "x" * 65),
        ("site", 999999),
        ("site", "x"),
        ("site", None),
        ("site", [1]),
        ("site", 2**63),
    ],
)
def test_what_a_terminal_cannot_be_is_refused_by_field(
    manager: APIClient, world: World, field: str, value: Any
) -> None:
    response = enter(manager, world, **{field: value})

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {field}
    assert not Terminal.objects.filter(device_id="17").exists()


def test_the_unlock_delay_reaches_the_terminal(manager: APIClient, world: World) -> None:
    for delay_ms in (20, 5000):
        made = enter(manager, world, device_id=f"d{delay_ms}", unlock_delay_ms=delay_ms)
        assert made.json()["unlock_delay_ms"] == delay_ms


@pytest.mark.parametrize(
    "change", [{"device_id": "18"}, {"site": None}, {"device_id": "18", "name": "x"}]
)
def test_what_never_changes_is_refused(
    root: APIClient, world: World, change: dict[str, Any]
) -> None:
    terminal = world.ours.terminal
    if "site" in change:
        change = {"site": world.theirs.site.pk}

    response = root.patch(f"{DEVICES}{terminal.pk}/", change, format="json")

    assert response.status_code == 400
    assert response.json()["detail"] == "This never changes."
    before = (terminal.device_id, terminal.site_id, terminal.name)
    terminal.refresh_from_db()
    assert (terminal.device_id, terminal.site_id, terminal.name) == before


def test_a_program_may_put_back_what_it_read(manager: APIClient, world: World) -> None:
    path = f"{DEVICES}{world.ours.terminal.pk}/"
    read = manager.get(path).json()

    put = manager.put(path, {**read, "name": "Renamed"}, format="json")

    assert put.status_code == 200
    assert put.json() == {**read, "name": "Renamed"}


def test_approving_tells_the_terminal_everything_again(manager: APIClient, world: World) -> None:
    """A terminal that was away may hold anything; only a full sync makes it right."""
    library = make_library(world.ours.site)
    enrol(library, "1")
    terminal = make_terminal(world.ours.site, libraries=[library.pk])
    wire = wire_of(terminal)
    wire.sync()
    assert set(wire.held) == {"1"}
    path = f"{DEVICES}{terminal.pk}/"

    manager.patch(path, {"status": "disabled"}, format="json")
    assert wire.post("syheartbeat", "")["ret"] == "10005"
    approved = manager.patch(path, {"status": "approved"}, format="json")

    assert approved.json()["status"] == "approved"
    assert TerminalCursor.objects.get(terminal=terminal).complete_from is None
    wire.held.clear()
    wire.sync()
    assert set(wire.held) == {"1"}


def test_libraries_follow_the_list(manager: APIClient, world: World) -> None:
    first, second = make_library(world.ours.site), make_library(world.ours.site)
    enrol(first, "1")
    enrol(second, "2")
    terminal = make_terminal(world.ours.site, libraries=[first.pk])
    wire = wire_of(terminal)
    wire.sync()

    response = manager.patch(f"{DEVICES}{terminal.pk}/", {"libraries": [second.pk]}, format="json")
    wire.sync()

    assert response.json()["libraries"] == [second.pk]
    assert set(wire.held) == {"2"}


def test_a_terminal_that_holds_everything_spells_it_out(manager: APIClient, world: World) -> None:
    terminal = make_terminal(world.ours.site)
    later = make_library(world.ours.site)

    device = manager.get(f"{DEVICES}{terminal.pk}/").json()

    assert device["all_libraries"] is True
    assert device["libraries"] == sorted([world.ours.library.pk, later.pk])


def test_a_library_of_another_site_does_not_exist(manager: APIClient, world: World) -> None:
    theirs = world.theirs.library.pk

    entered = enter(manager, world, libraries=[world.ours.library.pk, theirs])
    changed = manager.patch(
        f"{DEVICES}{world.ours.terminal.pk}/",
        {"libraries": [theirs], "name": "Renamed"},
        format="json",
    )

    assert [entered.status_code, changed.status_code] == [400, 400]
    assert not Terminal.objects.filter(device_id="17").exists()
    world.ours.terminal.refresh_from_db()
    assert world.ours.terminal.name == "Alpha door"


def test_a_terminal_is_online_from_its_first_call_on(manager: APIClient, world: World) -> None:
    terminal = make_terminal(world.ours.site)
    path = f"{DEVICES}{terminal.pk}/"
    assert manager.get(path).json()["online"] is False

    wire_of(terminal).post("syheartbeat", "")

    device = manager.get(path).json()
    assert device["online"] is True
    assert device["last_seen_at"].endswith("Z")


def test_a_terminal_is_offline_after_the_sites_limit(manager: APIClient, world: World) -> None:
    terminal = make_terminal(world.ours.site)
    wire_of(terminal).post("syheartbeat", "")
    presence_flush()
    long_ago = timezone.now() - timedelta(seconds=world.ours.site.offline_after_s + 5)
    Terminal.objects.filter(pk=terminal.pk).update(last_seen_at=long_ago)

    device = manager.get(f"{DEVICES}{terminal.pk}/").json()

    assert device["online"] is False
    assert device["last_seen_at"] is not None


def test_presence_is_looked_up_once_a_page(manager: APIClient, world: World) -> None:
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert manager.get(DEVICES).status_code == 200
        return len(captured)

    few = queries()
    for _ in range(8):
        wire_of(make_terminal(world.ours.site)).post("syheartbeat", "")

    assert queries() == few
    assert all(one["online"] for one in manager.get(DEVICES).json()["results"] if one["name"] == "")


def test_a_terminal_with_records_stays(manager: APIClient, world: World) -> None:
    empty = make_terminal(world.ours.site)

    kept = manager.delete(f"{DEVICES}{world.ours.terminal.pk}/")
    gone = manager.delete(f"{DEVICES}{empty.pk}/")

    assert (kept.status_code, kept.json()["error"]) == (409, "conflict")
    assert "disable" in kept.json()["detail"]
    assert gone.status_code == 204
    assert set(Terminal.objects.filter(site=world.ours.site)) == {world.ours.terminal}


def test_devices_are_found_by_status_and_id(manager: APIClient, world: World) -> None:
    waiting = make_terminal(world.ours.site, status="pending")

    def found(**query: Any) -> list[int]:
        return [one["id"] for one in manager.get(DEVICES, query).json()["results"]]

    assert found(status="pending") == [waiting.pk]
    assert found(device_id="Alpha-dev") == [world.ours.terminal.pk]
    assert found(site=world.ours.site.pk, status="disabled") == []
    assert manager.get(DEVICES, {"status": "broken"}).status_code == 400


def test_a_guard_looks_only(guard: APIClient, world: World) -> None:
    path = f"{DEVICES}{world.ours.terminal.pk}/"

    assert guard.get(path).status_code == 200
    assert enter(guard, world).status_code == 403
    assert guard.patch(path, {"status": "disabled"}, format="json").status_code == 403
    assert guard.delete(path).status_code == 403


def test_approving_without_a_library_warns_and_says_so_until_there_is_one(
    manager: APIClient, world: World
) -> None:
    made = enter(manager, world).json()
    where = f"{DEVICES}{made['id']}/"

    approved = manager.patch(where, {"status": "approved"}, format="json")
    chinese = manager.get(where, HTTP_ACCEPT_LANGUAGE="zh-hans").json()
    library = world.ours.library.pk
    joined = manager.patch(where, {"libraries": [library]}, format="json").json()
    at_once = enter(manager, world, device_id="18", status="approved")

    assert made["warnings"] == []
    assert approved.status_code == 200
    [warning] = approved.json()["warnings"]
    assert warning["code"] == "no_library"
    assert warning["detail"] == "It holds no library, so no face is sent to it."
    assert "未关联人员库" in chinese["warnings"][0]["detail"]
    assert joined["warnings"] == []
    assert [one["code"] for one in at_once.json()["warnings"]] == ["no_library"]


def test_all_libraries_of_a_site_warn_of_nothing(manager: APIClient, world: World) -> None:
    made = enter(manager, world, all_libraries=True, status="approved").json()

    assert made["warnings"] == []


def test_what_the_admin_filters_by_rest_filters_by_too(manager: APIClient, world: World) -> None:
    made = enter(manager, world, direction="out").json()
    Terminal.objects.filter(pk=made["id"]).update(clock_is_wrong=True, presence="online")

    def found(**filters: Any) -> set[int]:
        return {row["id"] for row in manager.get(DEVICES, filters).json()["results"]}

    everything = found()
    assert {made["id"]} == found(clock_is_wrong="true") == found(presence="online")
    assert found(direction="out") == {made["id"]}
    assert found(clock_is_wrong="false") == everything - {made["id"]} != set()


class TestOwnAddress:
    def url(self, world: World, word: str = "", side: str = "ours") -> str:
        """Return the address of a terminal, or of what can be done with it."""
        return f"{DEVICES}{getattr(world, side).terminal.pk}/{word}"

    def test_it_is_made_replaced_and_ended(self, manager: APIClient, world: World) -> None:
        first = manager.post(self.url(world, "replace-address/"), {}, format="json")
        second = manager.post(
            self.url(world, "replace-address/"), {"overlap_hours": 1}, format="json"
        )
        token = SiteToken.objects.get(terminal=world.ours.terminal, ends_at__isnull=True).token

        assert (first.status_code, second.status_code) == (200, 200)
        assert first.json()["base_url"] != second.json()["base_url"]
        assert second.json()["base_url"] == f"http://testserver/t/{token}"
        assert manager.get(self.url(world)).json()["base_url"] == second.json()["base_url"]

        ended = manager.post(self.url(world, "end-address/"))

        assert (ended.status_code, ended.json()["base_url"]) == (200, "")

    def test_it_says_since_when_it_is_used(self, manager: APIClient, world: World) -> None:
        terminal = world.ours.terminal
        made = manager.post(self.url(world, "replace-address/"), {}, format="json").json()
        assert (made["trust"], made["own_address_since"]) == ("token", None)

        token = made["base_url"].rpartition("/")[2]
        WireClient(token=token, device_id=terminal.device_id).post("syheartbeat", "")

        shown = manager.get(self.url(world)).json()
        assert shown["trust"] == "own"
        assert shown["own_address_since"] is not None

    def test_only_managers_of_the_site_see_and_make_it(
        self, manager: APIClient, guard: APIClient, world: World
    ) -> None:
        manager.post(self.url(world, "replace-address/"), {}, format="json")

        for word in ("replace-address/", "end-address/"):
            assert guard.post(self.url(world, word), {}, format="json").status_code == 403
            foreign = manager.post(self.url(world, word, "theirs"), {}, format="json")
            assert foreign.status_code == 404
        assert guard.get(self.url(world)).json()["base_url"] == ""
        assert SiteToken.objects.filter(terminal__isnull=False, ends_at=None).count() == 1

    def test_a_list_asks_once_for_all_addresses(self, manager: APIClient, world: World) -> None:
        def statements() -> int:
            with CaptureQueriesContext(connection) as asked:
                assert manager.get(DEVICES).status_code == 200
            return len(asked)

        before = statements()
        for number in range(5):
            made = make_terminal(world.ours.site, device_id=f"own{number}")
            terminal_address_replace(terminal=made, overlap=timedelta())

        assert statements() == before


class TestCallingAddresses:
    """Where a terminal calls from, and approving a new address."""

    def url(self, terminal: Terminal, word: str) -> str:
        return f"{DEVICES}{terminal.pk}/{word}"

    def moved(self, terminal: Terminal) -> None:
        for address in ("10.0.0.7", "10.0.0.8"):
            presence_seen(terminal_id=terminal.pk, address=address)
            presence_flush()

    def test_new_address_is_shown_and_approved(self, manager: APIClient, world: World) -> None:
        terminal = world.ours.terminal
        self.moved(terminal)
        rows = manager.get(self.url(terminal, "addresses/")).json()
        assert [(row["address"], row["is_new"]) for row in rows] == [
            ("10.0.0.8", True),
            ("10.0.0.7", False),
        ]

        given = {"address": "10.0.0.8"}
        answer = manager.post(self.url(terminal, "approve-address/"), given, format="json")

        assert answer.status_code == 200
        assert [row["is_new"] for row in answer.json()] == [False, False]
        assert answer.json()[0]["approved_at"]

    @pytest.mark.parametrize(
        "given", [{}, {"address": "10.0.0.9"}, {"address": "x"}, {"address": "10.0.0.8", "by": 1}]
    )
    def test_what_is_no_address_of_the_terminal_is_refused(
        self, manager: APIClient, world: World, given: dict[str, object]
    ) -> None:
        terminal = world.ours.terminal
        self.moved(terminal)

        answer = manager.post(self.url(terminal, "approve-address/"), given, format="json")

        assert answer.status_code == 400
        assert not terminal.addresses.filter(approved_at__isnull=False).exists()

    def test_only_managers_of_the_site_approve(
        self, manager: APIClient, guard: APIClient, world: World
    ) -> None:
        ours, theirs = world.ours.terminal, world.theirs.terminal
        for terminal in (ours, theirs):
            self.moved(terminal)
        given = {"address": "10.0.0.8"}

        mine = guard.post(self.url(ours, "approve-address/"), given, format="json")
        foreign = manager.post(self.url(theirs, "approve-address/"), given, format="json")

        assert (mine.status_code, foreign.status_code) == (403, 404)
        assert guard.get(self.url(ours, "addresses/")).status_code == 200
        assert manager.get(self.url(theirs, "addresses/")).status_code == 404
