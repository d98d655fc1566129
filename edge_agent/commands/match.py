"""Command ``match``: identify a photo among the people of this terminal."""

import argparse
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

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
from edge_agent.config import load_config
from face_engine import ImageUnreadable

if TYPE_CHECKING:
    from edge_agent.service.matching import FaceMatches, MatchReport


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add ``match``."""
    parser = new_command(
        commands,
        "match",
        _run,
        "say who a photo would be at this terminal, and how sure",
        more=(
            "Reads what the terminal holds, also while the agent runs, and changes nothing. Exit"
            " status 1 when the main face is not recognised."
        ),
    )
    add_config(parser)
    parser.add_argument("photo", type=Path, metavar="PHOTO", help="a picture file")
    parser.add_argument(
        "--top", type=count, default=3, metavar="N", help="people for each face (%(default)s)"
    )
    add_json(parser)


def _run(chosen: argparse.Namespace) -> int:
    from edge_agent.service.matching import match_photo

    config = load_config(chosen.config)
    engine = load_models(config)
    path: Path = chosen.photo
    try:
        report = match_photo(config, engine, path.read_bytes(), top=chosen.top)
    except OSError as error:
        print_error(f"{path} cannot be read: {error.strerror}")
        return 1
    except ImageUnreadable as error:
        print_error(f"{path} is no picture that can be read ({error.code})")
        return 1
    except sqlite3.DatabaseError as error:
        print_error(f"the terminal's database cannot be read ({type(error).__name__})")
        return 1
    if chosen.json:
        print_json(report.to_json())
    else:
        for line in _lines(report):
            print_line(line)
    return 0 if report.is_recognised else 1


def _lines(report: "MatchReport") -> Iterator[str]:
    faces = {0: "no face", 1: "1 face"}.get(len(report.faces), f"{len(report.faces)} faces")
    yield f"photo       {report.width} × {report.height} pixels, {faces}"
    left_out = f", {report.left_out} left out (another face model)" if report.left_out else ""
    yield f"people      {report.known} compared with{left_out}"
    for number, face in enumerate(report.faces, 1):
        yield from _face_lines(number, face, report.least_similarity)
    steps = ", ".join(f"{name.replace('_', ' ')} {ms:g}" for name, ms in report.took_ms.items())
    yield f"took (ms)   {steps}"


def _face_lines(number: int, face: "FaceMatches", least: int) -> Iterator[str]:
    left, top, width, height = (round(one) for one in face.box)
    text = ", ".join(one.value.replace("_", " ") for one in face.problems)
    where = f"{width} × {height} pixels at {left}, {top}; quality {face.quality:.2f}"
    yield f"face {number}      {where}{f'; {text}' if text else ''}"
    for place, one in enumerate(face.nearest, 1):
        verdict = "the same person" if one.similarity >= least else f"below {least}"
        yield f"  {place}. {one.user_id}  {one.name}  similarity {one.similarity}, {verdict}"
