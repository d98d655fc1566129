#!/usr/bin/env python3
"""Command line of the platform: ``python manage.py help``."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV_PYTHON = ROOT / ".venv" / "bin" / "python"


def main() -> None:
    """Run one management command, with the project's own environment when there is one."""
    # The only place that edits the path, for a checkout that is not installed.
    sys.path[:0] = [str(ROOT / "platform"), str(ROOT)]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "menjin.settings.embedded")
    try:
        from django.core.management import execute_from_command_line
    except ImportError:
        # `make run` installs into .venv; a newcomer's plain `python manage.py …` finds it.
        if VENV_PYTHON.exists() and Path(sys.prefix) != VENV_PYTHON.parent.parent:
            os.execv(VENV_PYTHON, [str(VENV_PYTHON), *sys.argv])  # noqa: S606 - our own interpreter
        raise
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
