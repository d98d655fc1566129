"""Command ``run``: run the terminal."""

import argparse
import asyncio
import faulthandler
import logging
import os
import signal
import sys

from edge_agent.commands.command_line import add_config, count, new_command, set_up_logging
from edge_agent.config import AgentConfig, AgentError, load_config
from edge_agent.drivers import ConsoleEventLog
from face_engine import FaceEngineError


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``run``."""
    parser = new_command(commands, "run", _run, "run the terminal until Ctrl-C")
    add_config(parser)
    parser.add_argument(
        "--visits",
        type=count,
        default=0,
        metavar="N",
        help="stop after N visits, once the platform has everything",
    )
    parser.add_argument(
        "--exit-when-idle",
        action="store_true",
        help="stop when the camera has no more pictures and the platform has everything",
    )
    parser.add_argument(
        "--events", action="store_true", help="tell what happens as JSON lines instead of words"
    )
    parser.add_argument(
        "--log-level",
        default="warning",
        choices=["debug", "info", "warning", "error"],
        help="how much to log on standard error (default: %(default)s)",
    )


def _run(chosen: argparse.Namespace) -> int:
    config = load_config(chosen.config)
    set_up_logging(config, chosen.log_level)
    if not faulthandler.is_enabled():
        faulthandler.enable()  # a supervisor that ends what is stuck learns where it was stuck
    try:
        is_restart = asyncio.run(_run_until_stopped(config, chosen))
    except (AgentError, FaceEngineError):
        raise
    except Exception:
        logging.getLogger("edge_agent").exception("agent_failed")
        return 1
    if is_restart:
        _restart()
    return 0


def _restart() -> None:
    """Replace this process by a new one of the same command line; does not return.

    The process keeps its number, so its supervisor sees nothing. Files, sockets and the
    lock of the data directory are closed by the system, as at any end.
    """
    logging.shutdown()
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own words


async def _run_until_stopped(config: AgentConfig, chosen: argparse.Namespace) -> bool:
    """Run the terminal; returns whether to restart."""
    from edge_agent.service.runtime import RunEnd, RunLimits, run_agent

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    ending = await run_agent(
        config,
        event_log=ConsoleEventLog(as_json=chosen.events, secrets=config.secrets),
        stop=stop,
        limits=RunLimits(visits=chosen.visits, exit_when_idle=chosen.exit_when_idle),
    )
    return ending is RunEnd.RESTART
