"""Options and output shared by the commands."""

import argparse
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.config import AgentConfig
from edge_agent.drivers import redacted
from face_engine import FaceEngine, load_engine


def new_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    run: Callable[[argparse.Namespace], int],
    text: str,
    *,
    more: str = "",
) -> argparse.ArgumentParser:
    """Add a command.

    Args:
        commands: where to.
        name: what is typed.
        run: does it, returns the exit status.
        text: what it does, in the list of commands.
        more: further sentences for its own help.
    """
    sentence = f"{text[0].upper()}{text[1:]}."
    parser = commands.add_parser(name, help=text, description=f"{sentence} {more}".strip())
    parser.set_defaults(run=run)
    return parser


def add_config(parser: argparse.ArgumentParser, *, is_required: bool = True) -> None:
    """Add ``--config FILE``."""
    parser.add_argument(
        "--config",
        type=Path,
        required=is_required,
        metavar="FILE",
        help="the TOML file; init-config writes one with explanations",
    )


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="the same for programs")


def load_models(config: AgentConfig) -> FaceEngine:
    """Load the face models of a terminal.

    Raises:
        FaceEngineError: they are missing or damaged.
    """
    return load_engine(Path(config.model_dir).expanduser() if config.model_dir else None)


def count(text: str) -> int:
    """Read a number of things from the command line, 1 or more."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def print_line(line: str, *, secrets: tuple[str, ...] = ()) -> None:
    """Write a line on standard output."""
    sys.stdout.write(redacted(line, secrets) + "\n")
    sys.stdout.flush()


def print_json(value: Any, *, secrets: tuple[str, ...] = ()) -> None:
    """Write a value on standard output as JSON."""
    print_line(json.dumps(value, ensure_ascii=False, indent=2), secrets=secrets)


def print_error(line: str, *, secrets: tuple[str, ...] = ()) -> None:
    """Write why something cannot be done on standard error."""
    sys.stderr.write(f"edge_agent: {redacted(line, secrets)}\n")


class _RedactingFormatter(logging.Formatter):
    """Log formatter that redacts secrets in finished lines, tracebacks included."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), self._secrets)


def set_up_logging(config: AgentConfig, level: str) -> None:
    """Log on standard error from this level on, without secrets."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter(config.secrets))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # They log every address, and addresses of pictures are grants to fetch them.
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
