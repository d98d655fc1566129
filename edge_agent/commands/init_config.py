"""Command ``init-config``: write a commented configuration to start from."""

import argparse
from pathlib import Path

from edge_agent.commands.command_line import new_command, print_error, print_line
from edge_agent.config.template import TEMPLATE


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``init-config``."""
    parser = new_command(commands, "init-config", _run, "write a commented configuration file")
    parser.add_argument("path", type=Path, metavar="PATH", help="the file to write")
    parser.add_argument("--force", action="store_true", help="replace a file that is there")


def _run(chosen: argparse.Namespace) -> int:
    path: Path = chosen.path
    if path.exists() and not chosen.force:
        print_error(f"{path} is there already; --force replaces it")
        return 1
    try:
        path.touch(mode=0o600)  # it will hold the site's secret
        path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        print_error(f"{path} cannot be written: {error.strerror}")
        return 1
    print_line(f"wrote {path}; now set base_url and device_id in it")
    return 0
