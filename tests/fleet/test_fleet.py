"""A fleet over real HTTP at a small platform that notices everything."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.arrivals import Arrivals
from fleet.behaviour import TerminalBehaviour
from fleet.command import main
from fleet.progress import Progress, line_of
from fleet.run import FleetPlan, run_fleet
from tests.support.edge.fakes import person_jpeg
from tests.support.fake_platform import TOKEN, Failure, FakePlatform

QUICK = TerminalBehaviour(heartbeat_s=0.5, sync_s=0.3, strangers=0.2, timeout_s=5.0)


def plan(
    platform: FakePlatform, *, behaviour: TerminalBehaviour = QUICK, terminals: int = 8
) -> FleetPlan:
    return FleetPlan(
        base_urls=(platform.base_url,),
        terminals=terminals,
        arrivals=Arrivals.parse("120/min"),
        behaviour=behaviour,
        duration_s=3.0,
        ramp_s=0.2,
        drain_s=5.0,
    )


@pytest.fixture
def peopled(platform: FakePlatform) -> FakePlatform:
    for number in range(3):
        platform.enrol(f"10{number}", f"Person {number}", person_jpeg(60 + number))
    platform.opens_for = {"100", "101", "102"}
    return platform


async def test_terminals_sync_report_beat_and_tell_every_visit(peopled: FakePlatform) -> None:
    shown: list[Progress] = []

    report = await run_fleet(plan(peopled), snapshots=[person_jpeg(90)], show=shown.append)

    assert report["visits"] > 10
    assert report["visits_answered"] == report["visits"]
    assert len(peopled.passes) + len(peopled.readings) == report["visits"]
    assert report["visits_opened"] == len(peopled.passes) > 0
    assert report["people_held"] == 8 * 3
    assert report["terminals_in_step"] == 8
    assert 0 < report["all_in_step_after_s"] < 3
    assert {one.code for one in peopled.results} == {"100"}
    assert peopled.heartbeats >= 8
    assert report["unanswered"] == 0
    assert report["errors"] == {}
    assert TOKEN not in json.dumps(report) + "".join(map(line_of, shown))


async def test_what_is_not_answered_is_sent_again(peopled: FakePlatform) -> None:
    peopled.fail("syface", Failure(503, headers={"Retry-After": "1"}), times=3)
    peopled.fail("syattribute", Failure(200, b"<html>"), times=2)

    report = await run_fleet(plan(peopled), snapshots=[], show=lambda _: None)

    assert report["visits_answered"] == report["visits"]
    assert report["uploads_repeated"] >= 5
    assert report["errors"]["syface HTTP 503"] == 3
    assert report["errors"]["syattribute not JSON"] == 2


def one(
    platform: FakePlatform, behaviour: TerminalBehaviour = QUICK, *, seconds: float = 2.0
) -> FleetPlan:
    """Return a plan for one terminal to which nobody comes."""
    return replace(
        plan(platform, behaviour=behaviour, terminals=1),
        arrivals=Arrivals(),
        duration_s=seconds,
        ramp_s=0.0,
    )


async def test_whoever_is_told_when_to_come_again_comes_no_sooner(peopled: FakePlatform) -> None:
    later = Failure(503, headers={"Retry-After": "60"})
    for kind in ("syrecord", "syheartbeat"):
        peopled.fail(kind, later, times=2)

    report = await run_fleet(one(peopled), snapshots=[], show=lambda _: None)

    assert peopled.requests.count("GET syrecord") == 1
    assert peopled.requests.count("POST syheartbeat") == 1
    assert report["told_to_come_again"] == {"syheartbeat": 1, "syrecord": 1}
    assert report["latencies"] == {}


@pytest.mark.slow
async def test_a_picture_is_tried_twice_at_once_and_again_later(peopled: FakePlatform) -> None:
    peopled.fail("picture", Failure(503), times=1)
    await run_fleet(one(peopled), snapshots=[], show=lambda _: None)
    assert [one.code for one in peopled.results] == ["100"] * 3

    peopled.results.clear()
    peopled.fail("picture", Failure(503), times=6)
    behaviour = replace(QUICK, picture_again_s=(0.1,))
    report = await run_fleet(
        one(peopled, behaviour, seconds=4.0), snapshots=[], show=lambda _: None
    )

    assert sorted(one.code for one in peopled.results) == ["100"] * 3 + ["102"] * 3
    assert report["pictures_fetched_late"] == 3
    assert report["people_held"] == 3


async def test_results_come_by_page_or_one_by_one(peopled: FakePlatform) -> None:
    await run_fleet(one(peopled), snapshots=[], show=lambda _: None)
    assert peopled.requests.count("POST syresult") == 1

    behaviour = replace(QUICK, single_results=1.0)
    await run_fleet(one(peopled, behaviour), snapshots=[], show=lambda _: None)

    assert peopled.requests.count("POST syresult") == 1 + 3
    assert len(peopled.results) == 3 + 3


async def test_a_platform_that_echoes_the_cursor_is_not_asked_without_end(
    peopled: FakePlatform,
) -> None:
    """Seen in the field: a server that answers the same page to whatever cursor comes."""
    page = {"operation": "delete", "userId": "1", "userType": "user"}
    echo = {"serviceResponse": {"list": [page], "lastQueryTime": 0}}
    peopled.fail("syrecord", Failure(200, json.dumps(echo).encode()), times=1000)

    await run_fleet(one(peopled), snapshots=[], show=lambda _: None)

    assert 2 < peopled.requests.count("GET syrecord") < 12


async def test_nobody_in_the_library_is_said(platform: FakePlatform) -> None:
    shown: list[Progress] = []
    waiting = FleetPlan(
        base_urls=(platform.base_url,),
        terminals=2,
        arrivals=Arrivals(),
        behaviour=QUICK,
        duration_s=2.5,
        ramp_s=0.0,
    )

    report = await run_fleet(waiting, snapshots=[], show=shown.append)

    assert "are the terminals approved?" in line_of(shown[-1])
    assert report["people_held"] == report["visits"] == 0


def test_the_command_writes_a_report_and_fails_where_nobody_answers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "report.json"

    words = f"--base-url http://127.0.0.1:1/t/{TOKEN} --terminals 3 --arrivals 2@0"
    times = "--duration 1 --ramp 0 --drain 0.2"
    files = ["--picture-source", str(tmp_path), "--report", str(path)]
    status = main([*words.split(), *times.split(), *files])

    report = json.loads(path.read_text())
    assert status == 1
    assert (report["visits"], report["visits_answered"]) == (6, 0)
    assert report["unanswered"] == 6
    assert any("ClientConnectorError" in kind for kind in report["errors"])
    assert TOKEN not in capsys.readouterr().out


def test_a_picture_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 nothing follows")

    words = f"--base-url http://127.0.0.1:1/t/{TOKEN} --terminals 1 --arrivals 1@0"
    status = main([*words.split(), "--picture-source", str(tmp_path)])

    assert status == 1
    assert "truncated" in capsys.readouterr().err


def test_wrong_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--base-url", "http://127.0.0.1:1", "--arrivals", "often"])

    assert "arrivals look like" in capsys.readouterr().err


async def test_a_pass_does_not_wait_for_results_that_are_refused(peopled: FakePlatform) -> None:
    peopled.fail("syresult", Failure(503, headers={"Retry-After": "60"}), times=100)

    report = await run_fleet(replace(plan(peopled), drain_s=0.1), snapshots=[], show=lambda _: None)

    assert len(peopled.passes) > 5
    assert report["latencies"]["syface"]["count"] == len(peopled.passes)
    assert peopled.results == []
