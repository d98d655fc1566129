"""Command ``doctor``: check everything that a terminal needs, step by step."""

import argparse
import asyncio
import os
import sys
from typing import Any

from edge_agent.commands.command_line import (
    add_config,
    add_json,
    new_command,
    print_json,
    print_line,
    set_up_logging,
)
from edge_agent.config import AgentConfig, ConfigInvalid, load_config


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``doctor``."""
    parser = new_command(
        commands,
        "doctor",
        _run,
        "examine camera, models, relay, clock, network, platform and the rest",
        more=(
            "Says a line about each, with OK, WARNING, FAILED or SKIPPED, and what to do. Tells the"
            " platform that this terminal is there, by a heartbeat. Exit status 1 when something"
            " failed."
        ),
    )
    add_config(parser)
    parser.add_argument(
        "--open-door",
        action="store_true",
        help="pulse the relay: the door opens; otherwise it is only taken hold of",
    )
    add_json(parser)


def _run(chosen: argparse.Namespace) -> int:
    from edge_agent.doctor import DoctorPlan, Finding, Result, run_checks

    try:
        config = load_config(chosen.config)
    except ConfigInvalid as error:
        advice = "init-config writes one with explanations"
        _show([Finding.failed("configuration", str(error), advice)], chosen, None)
        return 1
    set_up_logging(config, "error")

    def tell(finding: Finding) -> None:
        if not chosen.json:
            print_line(finding.line(), secrets=config.secrets)

    plan = DoctorPlan(config=config, path=chosen.config, opens_door=chosen.open_door)
    findings, hangs = asyncio.run(run_checks(plan, tell))
    if chosen.json:
        _show(findings, chosen, config)
    status = int(any(one.result is Result.FAILED for one in findings))
    if hangs:
        # A thread that hangs would keep the interpreter from ending.
        sys.stdout.flush()
        os._exit(status)
    return status


def _show(findings: list[Any], chosen: argparse.Namespace, config: AgentConfig | None) -> None:
    secrets = () if config is None else config.secrets
    if not chosen.json:
        for one in findings:
            print_line(one.line(), secrets=secrets)
        return
    is_ok = not any(one.result == "FAILED" for one in findings)
    print_json({"ok": is_ok, "findings": [one.to_json() for one in findings]}, secrets=secrets)
