"""Command ``enrol``: enrol a person at the terminal itself."""

import argparse
import asyncio
from pathlib import Path

from edge_agent.commands.command_line import (
    add_config,
    load_models,
    new_command,
    print_line,
    set_up_logging,
)
from edge_agent.config import AgentConfig, load_config
from edge_agent.drivers import SystemClock
from edge_agent.service import EnrolmentRefused, is_held
from face_engine import FaceEngine

_TYPES = ("employee", "visitor", "blacklist")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``enrol``."""
    parser = new_command(
        commands,
        "enrol",
        _run,
        "enter a person at the terminal itself, with a photo",
        more=(
            "Works while the agent runs, through its interface, and while it does not. Who has the"
            " same id is replaced, unless the platform named them."
        ),
    )
    add_config(parser)
    parser.add_argument("--user-id", required=True, metavar="ID", help="1 to 40 characters")
    parser.add_argument("--name", required=True, metavar="NAME")
    parser.add_argument("--type", choices=_TYPES, default="employee")
    photo = parser.add_mutually_exclusive_group(required=True)
    photo.add_argument("photo", nargs="?", type=Path, metavar="PHOTO", help="a picture file")
    photo.add_argument(
        "--camera", action="store_true", help="take the photo with the terminal's camera"
    )
    parser.add_argument(
        "--seconds", type=float, default=20.0, help="how long to wait for a good one (%(default)s)"
    )
    parser.add_argument(
        "--anyway", action="store_true", help="take a photo that is blurred, dark, tilted …, too"
    )


def _run(chosen: argparse.Namespace) -> int:
    from edge_agent.service.enrolment import (
        EnrolmentRequest,
        enrol_by_agent,
        enrol_directly,
        photo_from_file,
    )

    config = load_config(chosen.config)
    set_up_logging(config, "error")
    request = EnrolmentRequest(chosen.user_id, chosen.name, chosen.type)
    request.as_user(b"\xff\xd8\xff")  # a wrong id is said before the person poses for a photo
    is_running = is_held(config.data_dir)
    if is_running and chosen.camera:
        raise EnrolmentRefused(
            "the running agent holds the camera; stop it first, or give a picture file"
        )
    engine = load_models(config)
    if chosen.camera:
        photo = asyncio.run(_photographed(config, engine, chosen))
    else:
        photo = photo_from_file(_read(chosen.photo), engine, anyway=chosen.anyway)
    if is_running:
        asyncio.run(enrol_by_agent(config, request, photo, clock=SystemClock()))
    else:
        asyncio.run(enrol_directly(config, engine, request, photo))
    since = "at once" if is_running else "from its next start"
    print_line(
        f"enrolled {chosen.user_id}; the terminal recognises them {since}", secrets=config.secrets
    )
    return 0


async def _photographed(
    config: AgentConfig, engine: FaceEngine, chosen: argparse.Namespace
) -> bytes:
    from edge_agent.service.enrolment import photo_from_camera

    return await photo_from_camera(
        config.camera.options.make(),
        engine,
        within_s=chosen.seconds,
        anyway=chosen.anyway,
        report=print_line,
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EnrolmentRefused(f"{path} cannot be read: {error.strerror}") from error
