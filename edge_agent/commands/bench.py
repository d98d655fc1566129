"""Command ``bench``: measure how fast this computer is as a terminal."""

import argparse
import sqlite3
import tempfile
from pathlib import Path

from edge_agent.commands.command_line import (
    add_config,
    add_json,
    count,
    load_models,
    new_command,
    print_error,
    print_json,
    print_line,
)
from edge_agent.config import AgentConfig, load_config, parse_config


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``bench``."""
    parser = new_command(
        commands,
        "bench",
        _run,
        "measure how quick this computer is as a terminal",
        more=(
            "Finds, describes and compares faces, and decides about visits by the local rule, each"
            " many times. Nothing is sent and no door moves."
        ),
    )
    add_config(parser, is_required=False)
    parser.add_argument(
        "--people",
        type=count,
        default=20_000,
        metavar="N",
        help="random people to compare with, beside those held (%(default)s)",
    )
    parser.add_argument(
        "--frames", type=count, default=200, metavar="N", help="rounds (%(default)s)"
    )
    parser.add_argument(
        "--photo",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="a picture with a face, may be given several times; else the demonstration's",
    )
    add_json(parser)


def _run(chosen: argparse.Namespace) -> int:
    from edge_agent.service.speed import SpeedPlan, measure_speed
    from face_engine import ImageUnreadable, InstallFailed, decode_image, install_portraits

    config = _without_terminal() if chosen.config is None else load_config(chosen.config)
    try:
        paths: list[Path] = chosen.photo or list(install_portraits().values())
    except InstallFailed as error:
        print_error(f"{error}; or give pictures with --photo")
        return 1
    engine = load_models(config)
    is_there = config.data_dir.is_dir() and chosen.config is not None
    try:
        plan = SpeedPlan(
            config=config,
            engine=engine,
            pictures=[decode_image(one.read_bytes()) for one in paths],
            people=chosen.people,
            frames=chosen.frames,
            disk=config.data_dir if is_there else Path(tempfile.gettempdir()),
        )
        report = measure_speed(plan)
    except (OSError, ImageUnreadable, ValueError) as error:
        print_error(f"the pictures cannot be used: {error}")
        return 1
    except sqlite3.DatabaseError as error:
        print_error(f"the terminal's database cannot be used ({type(error).__name__})")
        return 1
    if chosen.json:
        print_json(report.to_json())
        return 0
    facts = report.machine
    print_line(f"machine   {facts['cpu']}, {facts['cores']} cores, load {facts['load']}")
    print_line(f"people    {report.people[0]} random and {report.people[1]} held")
    print_line(f"{'step':<22}{'p50 ms':>9}{'p99 ms':>9}")
    for step in report.steps:
        print_line(f"{step.name:<22}{step.p50_ms:>9.2f}{step.p99_ms:>9.2f}")
    print_line(
        f"the index answers {report.ratio:g} times as fast as a numpy product over all people"
    )
    return 0


def _without_terminal() -> AgentConfig:
    """Return the defaults of a terminal that is nowhere."""
    nowhere = {"device_id": "bench", "base_url": "http://127.0.0.1:1/bench"}
    return parse_config(nowhere, base=Path(tempfile.gettempdir()) / "menjin-nowhere")
