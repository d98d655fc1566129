"""``python -m edge_agent``: the terminal in software."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from edge_agent.config import AgentConfig, load_config
from edge_agent.config_template import TEMPLATE
from edge_agent.exceptions import AgentError, ConfigInvalid
from edge_agent.fleet.command import add_command as add_fleet
from edge_agent.story import ConsoleStory, redacted
from face_engine import FaceEngineError

_DESCRIPTION = """\
A face-recognition terminal in software. It holds the people the platform tells it
to hold, recognises who walks by, reports passes and temperatures, and opens the
door when it is told to (chapter 9 of the OpenAPI document of the terminals).
"""
_EPILOG = """\
first steps:
  python -m face_engine install                  fetch the face models, once
  python -m edge_agent init-config agent.toml    write a commented configuration
  python -m edge_agent run --config agent.toml   run; Ctrl-C stops it cleanly

exit status: 0 stopped cleanly, 1 could not run, 2 the configuration or a word of
the command line is wrong.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    parser = _parser()
    chosen = parser.parse_args(arguments)
    if chosen.command is None:
        parser.print_help()
        return 2
    try:
        return int(chosen.run(chosen))
    except ConfigInvalid as error:
        print(f"edge_agent: {error}", file=sys.stderr)
        return 2
    except (AgentError, FaceEngineError) as error:
        print(f"edge_agent: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m edge_agent",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="command")
    run = _command(commands, "run", _run, "run the terminal until Ctrl-C")
    _add_config(run)
    run.add_argument(
        "--visits",
        type=_count,
        default=0,
        metavar="N",
        help="stop after N visits, once the platform has everything",
    )
    run.add_argument(
        "--exit-when-idle",
        action="store_true",
        help="stop when the camera has no more pictures and the platform has everything",
    )
    run.add_argument(
        "--events", action="store_true", help="tell what happens as JSON lines instead of words"
    )
    run.add_argument(
        "--log-level",
        default="warning",
        choices=["debug", "info", "warning", "error"],
        help="how much to log on standard error (default: %(default)s)",
    )
    init = _command(commands, "init-config", _init_config, "write a commented configuration file")
    init.add_argument("path", type=Path, metavar="PATH", help="the file to write")
    init.add_argument("--force", action="store_true", help="replace a file that is there")
    status = _command(commands, "status", _status, "show what the terminal holds and has to send")
    _add_config(status)
    add_fleet(commands)
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    words: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        metavar="FILE",
        help="the TOML file; init-config writes one with explanations",
    )


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _init_config(chosen: argparse.Namespace) -> int:
    path: Path = chosen.path
    if path.exists() and not chosen.force:
        print(f"edge_agent: {path} is there already; --force replaces it", file=sys.stderr)
        return 1
    try:
        path.touch(mode=0o600)  # it will hold the site's secret
        path.write_text(TEMPLATE, encoding="utf-8")
    except OSError as error:
        print(f"edge_agent: {path} cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    print(f"wrote {path}; now set base_url and device_id in it")
    return 0


def _status(chosen: argparse.Namespace) -> int:
    from edge_agent.assembly import DATABASE_NAME
    from edge_agent.status import status_lines

    for line in status_lines(load_config(chosen.config), database_name=DATABASE_NAME):
        print(line)
    return 0


def _run(chosen: argparse.Namespace) -> int:
    config = load_config(chosen.config)
    _set_up_logging(config, chosen.log_level)
    try:
        is_restart = asyncio.run(_run_until_told(config, chosen))
    except (AgentError, FaceEngineError):
        raise
    except Exception:
        logging.getLogger("edge_agent").exception("agent_failed")
        return 1
    if is_restart:
        _start_anew()
    return 0


def _start_anew() -> None:
    """Replace this process by a new one of the same command line; does not return.

    The process keeps its number, so whoever supervises it sees nothing. Files, sockets and the
    lock of the data directory are closed by the system, as at any end.
    """
    logging.shutdown()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own words


async def _run_until_told(config: AgentConfig, chosen: argparse.Namespace) -> bool:
    """Run; whether to start anew."""
    from edge_agent.runtime import Ending, RunLimits, run_agent

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ending = await run_agent(
        config,
        story=ConsoleStory(as_json=chosen.events, secrets=config.secrets),
        stop=stop,
        limits=RunLimits(visits=chosen.visits, exit_when_idle=chosen.exit_when_idle),
    )
    return ending is Ending.RESTART


class _RedactingFormatter(logging.Formatter):
    """Takes secrets out of finished log lines, tracebacks included."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), self._secrets)


def _set_up_logging(config: AgentConfig, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(config.secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They log every address, and addresses of pictures are grants to fetch them.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)


if __name__ == "__main__":
    sys.exit(main())
