"""What is installed holds everything that is read at run time beside the code."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "edge_agent" / "page"


def test_wheel_holds_the_files_of_the_terminals_page(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")

    with zipfile.ZipFile(wheel) as opened:
        held = set(opened.namelist())

    wanted = {
        path.relative_to(ROOT).as_posix()
        for folder in ("static", "html")
        for path in (PAGE / folder).iterdir()
    }
    assert len(wanted) >= 6
    assert wanted <= held
