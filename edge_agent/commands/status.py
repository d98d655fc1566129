"""Command ``status``: show people, loops and waiting uploads of the terminal."""

import argparse

from edge_agent.commands.command_line import (
    add_config,
    add_json,
    new_command,
    print_json,
    print_line,
)
from edge_agent.config import load_config


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``status``."""
    parser = new_command(
        commands,
        "status",
        _run,
        "show what the terminal holds, does and has to send",
        more="Reads the disk only, also while the agent runs.",
    )
    add_config(parser)
    add_json(parser)


def _run(chosen: argparse.Namespace) -> int:
    from edge_agent.service.status import overview, status_lines

    config = load_config(chosen.config)
    seen = overview(config)
    if chosen.json:
        print_json(seen.to_json(), secrets=config.secrets)
        return 0
    for line in status_lines(seen):
        print_line(line, secrets=config.secrets)
    return 0
