"""Cards: what a record or an alert looks like on the wall."""

from zoneinfo import ZoneInfo

import pytest

from console.live_view import Viewer
from records.choices import AlertKind, AlertState, Reason, Severity, VerificationResult

CHINA = ZoneInfo("Asia/Shanghai")
RECORD = {
    "id": 7,
    "site": 1,
    "kind": "pass",
    "device_id": "0000001",
    "terminal": "Front door",
    "user_id": "111222",
    "user_name": "Wang Xiaoming",
    "received_at": "2021-05-01T23:40:05+00:00",
    "temperature_c": 36.5,
    "fever": False,
    "mask": True,
    "verification": "match",
    "score": 91.4,
    "similarity": 88.0,
    "door_opened": True,
    "is_late": False,
    "late_s": None,
    "repeats": 0,
    "reason": "allowed",
    "has_picture": True,
    "has_reference": True,
}
ALERT = {
    "id": 9,
    "site": 1,
    "kind": "high_temperature",
    "severity": "critical",
    "state": "active",
    "terminal": "Front door",
    "user_id": "111222",
    "record": 7,
    "raised_at": "2021-05-01T23:40:05+00:00",
    "facts": {"temperature_c": "38.20"},
}


def record(**changes: object) -> dict[str, object]:
    return Viewer(CHINA, None).record_card({**RECORD, **changes})


def test_opened_door_is_good_and_needs_no_reason() -> None:
    card = record()

    assert (card["tone"], card["verdict"], card["reason"]) == ("good", "Door opened", "")
    assert (card["temperature"], card["heat"]) == ("36.5 °C", "good")


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.ALLOWED])
def test_closed_door_says_why(reason: Reason) -> None:
    card = record(door_opened=False, reason=reason.value)

    assert (card["tone"], card["verdict"]) == ("bad", "Kept closed")
    assert card["reason"] == reason.label


def test_reading_of_a_stranger_is_neither_good_nor_bad() -> None:
    card = record(
        kind="temperature", user_id="", user_name="", door_opened=False, reason="not_a_pass"
    )

    assert (card["tone"], card["verdict"], card["name"]) == (
        "quiet",
        "Temperature reading",
        "Unknown",
    )


@pytest.mark.parametrize("result", list(VerificationResult))
def test_every_verification_has_words(result: VerificationResult) -> None:
    words = record(verification=result.value)["verification"]

    assert words == ("" if result is VerificationResult.OFF else result.label)


def test_platforms_own_similarity_comes_first() -> None:
    assert record()["similarity"] == "91 of 100"
    assert record(score=None)["similarity"] == "88 of 100 (terminal)"
    assert record(score=None, similarity=None)["similarity"] == ""


def test_moment_is_told_on_the_viewers_clock() -> None:
    assert record()["time"] == "05-02 07:40"


def test_missing_pictures_have_no_address() -> None:
    card = record(has_picture=False, has_reference=False)

    assert (card["picture"], card["reference"]) == ("", "")


@pytest.mark.parametrize("kind", list(AlertKind))
@pytest.mark.parametrize("state", list(AlertState))
@pytest.mark.parametrize("severity", list(Severity))
def test_every_alert_has_words(kind: AlertKind, state: AlertState, severity: Severity) -> None:
    facts = {**ALERT, "kind": kind.value, "state": state.value, "severity": severity.value}

    card = Viewer(CHINA, None).alert_card(facts)

    assert (card["title"], card["severity_words"]) == (kind.label, severity.label)
    assert (card["acknowledge"] != "") == (state is AlertState.ACTIVE)


def test_alert_tells_person_and_temperature() -> None:
    assert Viewer(CHINA, None).alert_card(ALERT)["detail"] == "111222 · 38.2 °C"


def test_alert_on_a_shared_id_tells_what_told_them_apart() -> None:
    sign = {"feature": "address", "first": "10.0.0.1", "second": "10.0.0.2", "turns": 3}
    facts = {"device_id": "0000001", "signs": [sign]}

    detail = Viewer(CHINA, None).alert_card({**ALERT, "user_id": "", "facts": facts})["detail"]

    assert detail == (
        "Two different terminals call themselves 0000001: "
        "called in turns from 10.0.0.1 and 10.0.0.2"
    )


def test_clear_button_is_for_managers_of_the_alerts_site() -> None:
    assert Viewer(CHINA, frozenset({1})).alert_card(ALERT)["clear"] != ""
    assert Viewer(CHINA, frozenset({2})).alert_card(ALERT)["clear"] == ""


def test_a_viewer_of_several_sites_reads_which_sites_terminal_it_is() -> None:
    """Two sites may each have a terminal 0000001."""
    several = Viewer(CHINA, None, {1: "North gate", 2: "South gate"})

    assert several.record_card(RECORD)["terminal"] == "North gate · Front door"
    assert several.alert_card({**ALERT, "site": 2})["terminal"] == "South gate · Front door"
    # One folded alert is of many terminals.
    assert several.alert_card({**ALERT, "terminal": ""})["terminal"] == "North gate"
    assert record()["terminal"] == "Front door"
