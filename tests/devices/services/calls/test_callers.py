"""What turns between calls of one device ID is noted, and judged with prudence."""

from typing import Any

import pytest

from devices.services.calls.caller_signs import caller_signs, is_by_chance
from devices.services.calls.callers import (
    KEPT,
    Feature,
    Turn,
    Turns,
    callers_turned,
    callers_turns,
    turn_step,
)
from server_common.call_store import MemoryCallStore, call_store

NOW = 1_800_000_000.0


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def store(request: pytest.FixtureRequest, settings: Any) -> None:
    """Use a store of each kind, empty."""
    if request.param == "memory":
        settings.REDIS_URL = ""


def note(terminal_id: int, feature: Feature, value: str, *, at: float) -> None:
    """Note what a caller has at a moment."""
    call_store().run([turn_step(terminal_id, feature, value)], now=at)


@pytest.mark.usefixtures("store")
class TestStore:
    def test_only_what_differs_from_the_time_before_is_kept(self) -> None:
        for at, address in enumerate(["10.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.1"]):
            note(7, "address", address, at=NOW + at)

        kept = callers_turns([7])[7]["address"]

        assert kept == (
            Turn(NOW, "10.0.0.1"), Turn(NOW + 2, "10.0.0.2"), Turn(NOW + 3, "10.0.0.1")
        )  # fmt: skip

    def test_who_turned_is_told_once(self) -> None:
        note(7, "address", "10.0.0.1", at=NOW)
        assert callers_turned() == set()

        note(7, "address", "10.0.0.2", at=NOW)
        note(8, "cursor", "5", at=NOW)

        assert [callers_turned(), callers_turned()] == [{7}, set()]

    def test_the_notes_of_a_terminal_have_an_end(self) -> None:
        for number in range(100):
            note(7, "label", f"Gate = {number % 2}", at=NOW + number)

        kept = callers_turns([7])[7]["label"]

        assert len(kept) == KEPT
        assert [one.value for one in kept[-2:]] == ["Gate = 0", "Gate = 1"]

    @pytest.mark.parametrize("value", ["SY 001", "北门=1", "fe80::1%eth0", "a b=c%20"])
    def test_any_value_comes_back_as_it_was(self, value: str) -> None:
        note(7, "label", value, at=NOW)
        note(7, "label", value, at=NOW + 1)

        assert callers_turns([7])[7]["label"] == (Turn(NOW, value),)

    def test_nobody_is_known_who_never_called(self) -> None:
        assert not any(callers_turns([9])[9].values())


def test_memory_holds_so_many_terminals() -> None:
    store = MemoryCallStore(turning_most=3)
    for terminal_id in range(10):
        for address in ("10.0.0.1", "10.0.0.2"):
            step = turn_step(terminal_id, "address", address)
            store.run([step], now=NOW)

    assert store.take_turned(step.turned) == {"7", "8", "9"}
    assert store.fields(step.name, ["0"]) == {}


def turns(feature: Feature, values: str, *, every_s: float = 60.0) -> Turns:
    """Return the notes of these values, the last one of them now."""
    words = values.split()
    begun = NOW - every_s * (len(words) - 1)
    kept: list[Turn] = []
    for number, word in enumerate(words):
        if not kept or kept[-1].value != word:
            kept.append(Turn(begun + every_s * number, word))
    return {feature: tuple(kept[-KEPT:])}


A, B, C, D = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"


@pytest.mark.parametrize(
    ("feature", "values"),
    [
        ("address", f"{A} {B} {A} {B}"),
        ("address", f"{A} {A} {B} {A} {B} {B} {A}"),
        ("address", "2001:db8::1 2001:db8::2 2001:db8::1 2001:db8::2"),
        ("cursor", "500 100 500 100 500"),
        ("cursor", "100 500 101 501 102 502"),
        ("label", "SY001 SY002 SY001 SY002"),
        ("server", "http://a http://b http://a http://b"),
        ("firmware", "4.1 4.2 4.1 4.2"),
    ],
)
def test_back_and_forth_is_a_sign(feature: Feature, values: str) -> None:
    (sign,) = caller_signs(turns(feature, values), now=NOW)

    assert sign.feature == feature
    assert {sign.first, sign.second} <= set(values.split())


@pytest.mark.parametrize(
    ("why", "feature", "values"),
    [
        ("one terminal", "address", f"{A} {A} {A} {A}"),
        ("moved once", "address", f"{A} {A} {B} {B} {B}"),
        ("moved and moved back", "address", f"{A} {B} {B} {A}"),
        ("a NAT with many addresses", "address", f"{A} {B} {C} {D} {A} {C} {B} {D}"),
        ("a NAT that gives two in turns between others", "address", f"{C} {A} {B} {A}"),
        ("IPv4 and IPv6 of one terminal", "address", f"{A} 2001:db8::1 {A} 2001:db8::1"),
        ("changes of people", "cursor", "100 200 300 400 500"),
        ("a lost answer: the same cursor twice", "cursor", "100 100 200 200 200 300 300"),
        ("a factory reset, whose 0 is not noted", "cursor", "500 501 502 503"),
        ("a late copy of an old question", "cursor", "100 200 100 200 300"),
        ("a label that was corrected", "label", "SY001 SY002 SY001"),
        ("three labels", "label", "SY001 SY002 SY003 SY001"),
        ("an update that was taken back", "firmware", "4.1 4.2 4.1"),
    ],
)
def test_one_terminal_gives_no_sign(why: str, feature: Feature, values: str) -> None:
    assert caller_signs(turns(feature, values), now=NOW) == []


@pytest.mark.parametrize(("feature", "values"), [("address", f"{A} {B} {A} {B}"),
                                                ("cursor", "500 100 500 100 500")])  # fmt: skip
def test_turns_of_days_are_none_of_two_terminals(feature: Feature, values: str) -> None:
    """A terminal that is carried between two networks, or restored twice in a week."""
    assert caller_signs(turns(feature, values, every_s=3 * 3600), now=NOW) == []


def test_a_sign_ends_with_the_turns() -> None:
    noted = turns("address", f"{A} {B} {A} {B} {A}")

    assert caller_signs(noted, now=NOW + 600)
    assert caller_signs(noted, now=NOW + 20 * 60) == []


def test_what_was_dealt_with_is_no_sign_until_it_goes_on() -> None:
    noted = turns("address", f"{A} {B} {A} {B} {A} {B} {A} {B}")

    assert caller_signs(noted, now=NOW, since=NOW) == []
    assert caller_signs(noted, now=NOW, since=NOW - 200)


def test_two_of_many_addresses_in_turns_are_chance_until_it_goes_on() -> None:
    (short,) = caller_signs(turns("address", f"{A} {B} {A} {B}"), now=NOW)
    (long,) = caller_signs(turns("address", f"{A} {B} " * 8, every_s=30), now=NOW)

    assert is_by_chance(short, addresses_known=8)
    assert not is_by_chance(short, addresses_known=3)
    assert not is_by_chance(long, addresses_known=8)
