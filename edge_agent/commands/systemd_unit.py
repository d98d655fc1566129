"""Command ``systemd-unit``: print the systemd unit that runs the terminal."""

import argparse
import grp
import os
import re
import sys
from pathlib import Path

from edge_agent.commands.command_line import add_config, new_command, print_line
from edge_agent.config import load_config


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``systemd-unit``."""
    parser = new_command(
        commands,
        "systemd-unit",
        _run,
        "print a unit for systemd, with watchdog and few rights",
        more="Run it on the terminal, with the configuration where it will stay.",
    )
    add_config(parser)
    parser.add_argument(
        "--user",
        type=_account,
        default="menjin",
        metavar="NAME",
        help="account that runs it (%(default)s)",
    )


def _account(text: str) -> str:
    # As useradd(8) recommends.
    if not re.fullmatch(r"[a-z_][a-z0-9_-]{0,31}", text):
        raise argparse.ArgumentTypeError("must be the name of an account")
    return text


def _run(chosen: argparse.Namespace) -> int:
    from edge_agent.service.systemd_unit import DEFAULT_CACHE, UnitPlan, unit_text

    cache = Path(os.environ.get("MENJIN_CACHE") or DEFAULT_CACHE)
    plan = UnitPlan(
        config=load_config(chosen.config.absolute()),
        config_path=chosen.config.absolute(),
        python=Path(sys.executable),
        user=chosen.user,
        groups={one.gr_name for one in grp.getgrall()},
        cache=cache.expanduser().absolute(),
    )
    print_line(unit_text(plan).rstrip("\n"), secrets=plan.config.secrets)
    return 0
