"""Decoder of an earlier commit, to be measured beside the current one."""

import subprocess
from pathlib import Path


def earlier_decoder(revision: str, folder: Path) -> Path:
    """Write the decoder of an earlier commit into a folder and return its import path."""
    packed = subprocess.run(
        ["git", "archive", revision, "platform/face_engine"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=True,
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=packed.stdout, check=True)
    return folder / "platform"
