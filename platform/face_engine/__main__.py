"""Command line of the face models: ``python -m face_engine install | portraits | status``."""

import argparse
import sys
from collections.abc import Sequence

from face_engine.assets import asset_status, install_models, install_portraits, models_dir
from face_engine.exceptions import FaceEngineError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when all is well, 1 when something is missing or failed."""
    parser = argparse.ArgumentParser(prog="python -m face_engine", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("install", help="fetch the models, check them, prepare them")
    commands.add_parser("portraits", help="fetch the portraits of the demonstration")
    commands.add_parser("status", help="say what is installed")
    command = parser.parse_args(arguments).command
    try:
        if command == "install":
            install_models(_say)
            _say(f"models are in {models_dir()}")
        elif command == "portraits":
            for path in install_portraits(_say).values():
                _say(str(path))
        else:
            return _show_status()
    except FaceEngineError as error:
        sys.stderr.write(f"{error.code}: {error}\n")
        return 1
    return 0


def _show_status() -> int:
    states = asset_status()
    for entry in states:
        _say(f"{entry.state:<10} {entry.manifest:<16} {entry.path}")
    return 0 if all(entry.state == "installed" for entry in states) else 1


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
