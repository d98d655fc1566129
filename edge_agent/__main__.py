"""Command line of the software terminal: ``python -m edge_agent``."""

import argparse
import os
import sys

from edge_agent.commands import (
    bench,
    doctor,
    enrol,
    forget_calls,
    init_config,
    match,
    run,
    status,
    systemd_unit,
)
from edge_agent.commands.command_line import print_error
from edge_agent.config import AgentError, ConfigInvalid
from face_engine import FaceEngineError

_DESCRIPTION = """\
A face-recognition terminal in software. It holds the people the platform tells it
to hold, recognises who walks by, reports passes and temperatures, and opens the
door when the platform says so (chapter 9 of the OpenAPI document of the terminals).
"""
_EPILOG = """\
first steps:
  python -m face_engine install                     fetch the face models, once
  python -m edge_agent init-config agent.toml       write a commented configuration
  python -m edge_agent doctor --config agent.toml   is everything there and well?
  python -m edge_agent run --config agent.toml      run; Ctrl-C stops it cleanly

exit status: 0 stopped cleanly, 1 could not run, 2 the configuration or a word of
the command line is wrong.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    if words[:1] == ["fleet"]:
        print_error(
            "the fleet simulator is a program of its own now: python -m fleet (docs/fleet.md)"
        )
        return 2
    parser = command_line_parser()
    chosen = parser.parse_args(words)
    if chosen.command is None:
        parser.print_help()
        return 2
    try:
        return int(chosen.run(chosen))
    except ConfigInvalid as error:
        print_error(str(error))
        return 2
    except (AgentError, FaceEngineError) as error:
        print_error(str(error))
        return 1
    except PermissionError as error:
        print_error(
            f"no permission to use {error.filename or 'what belongs to the terminal'};"
            " run this as the account that runs it, for example: sudo -u menjin …"
        )
        return 1


def command_line_parser() -> argparse.ArgumentParser:
    """Return the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="python -m edge_agent",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    for one in (
        *(run, init_config, doctor, status, enrol, match, bench, systemd_unit, forget_calls),
    ):
        one.add_command(commands)
    return parser


if __name__ == "__main__":
    # One comparison with all people is short. Shared among threads it waits for the slowest, which
    # on a computer that has other things to do takes many times as long ("bench" shows it).
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
