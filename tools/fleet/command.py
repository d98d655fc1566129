"""Command line of the fleet simulator."""

import argparse
import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fleet.arrivals import Arrivals
from fleet.display import Screen
from fleet.progress import Progress, line_of

if TYPE_CHECKING:
    from fleet.run import FleetPlan

_INTERRUPTED: Final = 130  # as shells say of a program that Ctrl-C ended


def command_line_parser() -> argparse.ArgumentParser:
    """Return the parser of ``python -m fleet``."""
    parser = argparse.ArgumentParser(
        prog="python -m fleet",
        description=(
            "Run many protocol-true terminals in one process against a platform that is yours to"
            " load. Exit status 1 when something was not answered or there were too many errors."
        ),
    )
    add = parser.add_argument
    add(
        "--base-url", required=True, action="append", metavar="URL",
        help="a site's BaseUrl; may be given several times",
    )  # fmt: skip
    add("--terminals", type=_positive, default=100, metavar="N")
    add("--people", type=int, default=0, metavar="M", help="different people at a door; 0: all")
    add("--arrivals", type=_arrivals, default=Arrivals.parse("2/min"), metavar="WORDS",
        help="at each door: 2/min, 30/h, 5@20 (five at the 20th second), 2/min+5@20")  # fmt: skip
    add("--strangers", type=_share, default=0.1, metavar="PART")
    add("--duration", type=float, default=60.0, metavar="SECONDS")
    add("--ramp", type=float, default=10.0, metavar="SECONDS", help="spread of the start")
    add("--drain", type=float, default=30.0, metavar="SECONDS")
    add("--heartbeat-interval", type=float, default=30.0, metavar="SECONDS")
    add("--sync-interval", type=float, default=10.0, metavar="SECONDS")
    add("--duplicate", type=_share, default=0.0, metavar="PART", help="uploads sent twice")
    add("--flaky", type=_share, default=0.0, metavar="PART", help="answers that get lost")
    add("--clock-skew", type=float, default=0.0, metavar="SECONDS", help="clocks off by up to")
    add("--single-results", type=_share, default=0.0, metavar="PART",
        help="terminals that report each face by itself")  # fmt: skip
    add("--no-pictures", action="store_true", help="do not fetch the library's pictures")
    add("--picture-source", type=Path, metavar="FOLDER", help="snapshots; else the portraits")
    add("--device-prefix", default="fleet-", metavar="TEXT")
    add("--seed", type=int, default=1, metavar="NUMBER")
    add("--report", type=Path, metavar="FILE", help="write the report as JSON")
    add("--no-display", action="store_true", help="lines instead of a picture that is redrawn")
    add("--fail-over", type=_share, default=0.01, metavar="PART",
        help="errors of all requests that are too many")  # fmt: skip
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run a fleet; returns the exit status."""
    chosen = command_line_parser().parse_args(arguments)
    from face_engine import FaceEngineError, install_portraits
    from fleet.run import snapshots_of

    folder: Path | None = chosen.picture_source
    has_display = sys.stdout.isatty() and not chosen.no_display
    plan = _plan(chosen, show_every_s=1.0 if has_display else 2.0)
    try:
        pictures = sorted(folder.glob("*.jpg") if folder else install_portraits().values())
        snapshots = snapshots_of(pictures)
    except (OSError, FaceEngineError) as error:
        sys.stderr.write(f"a picture cannot be used: {error}\n")
        return 1
    try:
        report = asyncio.run(_fleet(plan, snapshots, has_display=has_display))
    except KeyboardInterrupt:
        return _INTERRUPTED
    text = json.dumps(report, ensure_ascii=False, indent=2)
    if chosen.report:
        chosen.report.write_text(text + "\n", encoding="utf-8")
    is_in_file = has_display and chosen.report
    sys.stdout.write(f"report: {chosen.report}\n" if is_in_file else f"{text}\n")
    return int(_is_bad(report, chosen.fail_over))


def _plan(chosen: argparse.Namespace, *, show_every_s: float) -> "FleetPlan":
    from fleet.behaviour import TerminalBehaviour
    from fleet.run import FleetPlan

    return FleetPlan(
        base_urls=tuple(chosen.base_url),
        terminals=chosen.terminals,
        arrivals=chosen.arrivals,
        behaviour=TerminalBehaviour(
            heartbeat_s=chosen.heartbeat_interval,
            sync_s=chosen.sync_interval,
            strangers=chosen.strangers,
            people_most=chosen.people,
            fetches=not chosen.no_pictures,
            duplicates=chosen.duplicate,
            lost_answers=chosen.flaky,
            skew_s=chosen.clock_skew,
            single_results=chosen.single_results,
        ),
        prefix=chosen.device_prefix,
        duration_s=chosen.duration,
        ramp_s=chosen.ramp,
        drain_s=chosen.drain,
        seed=chosen.seed,
        show_every_s=show_every_s,
    )


async def _fleet(plan: "FleetPlan", snapshots: list[bytes], *, has_display: bool) -> dict[str, Any]:
    """Run the fleet; the first Ctrl-C ends it with its report, a second one without."""
    from fleet.run import run_fleet

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def asked_to_stop(number: int) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, asked_to_stop, number)
    if not has_display:
        return await run_fleet(plan, snapshots=snapshots, show=_print_line, stop=stop)
    with Screen(sys.stdout) as screen:
        return await run_fleet(plan, snapshots=snapshots, show=screen.show, stop=stop)


def _is_bad(report: dict[str, Any], most: float) -> bool:
    errors = sum(report["errors"].values())
    return bool(report["unanswered"]) or errors > most * max(report["requests"] + errors, 1)


def _print_line(now: Progress) -> None:
    sys.stdout.write(f"{line_of(now)}\n")
    sys.stdout.flush()


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError("must be from 1 to 100000")
    return number


def _share(text: str) -> float:
    number = float(text)
    if not 0.0 <= number <= 1.0:
        raise argparse.ArgumentTypeError("must be from 0 to 1")
    return number


def _arrivals(text: str) -> Arrivals:
    try:
        return Arrivals.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
