"""What a fleet looks like on a screen, in a real pseudo terminal too."""

import asyncio
import fcntl
import json
import os
import re
import signal
import struct
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.display import BarCharacters, picture_of
from fleet.progress import LIBRARY_EMPTY, KindProgress, Progress
from tests.support.edge.fakes import person_jpeg
from tests.support.fake_platform import TOKEN, FakePlatform
from tests.support.processes import ROOT

BLOCKS = BarCharacters(has_blocks=True)
WITHIN_S = 60.0
ESCAPE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


def progress(**fields: object) -> Progress:
    """Return a fleet at some moment."""
    usual = Progress(
        seconds=45.0,
        planned_s=90.0,
        rates=(10.0, 20.0, 40.0),
        kinds=(KindProgress("syface", 4.0, 100, 3, 2, 12.25, 80.0),),
        visits=105,
        answered=100,
        opened=90,
        waiting=5,
        terminals=2000,
        in_step=1000,
        held=4000,
        errors=(("syface HTTP 503", 3), ("syface TimeoutError", 2)),
    )
    return Progress(**{name: fields.get(name, getattr(usual, name)) for name in usual.__slots__})


def test_everything_is_to_be_seen() -> None:
    seen = picture_of(progress(), columns=80, lines=24, signs=BLOCKS)

    assert seen[0] == "2000 terminals   0:45 elapsed, 0:45 left"
    assert seen[1].count("█") == seen[1].count("░") == 23
    assert seen[2].endswith(" 1000/2000")
    assert seen[3].split() == ["answers/s", "▃▅█", "40"]
    assert "visits 105, answered 100, opened 90, uploads waiting 5, people held 4000" in seen
    assert ["syface", "4.0", "100", "3", "2", "12.2", "80.0"] in [line.split() for line in seen]
    assert seen[-2:] == ["       3  syface HTTP 503", "       2  syface TimeoutError"]


def test_an_empty_library_is_said_and_the_end_too() -> None:
    seen = picture_of(progress(held=0, seconds=91.0), columns=80, lines=24, signs=BLOCKS)

    assert LIBRARY_EMPTY in seen
    assert seen[0].endswith("waiting for the last answers")


def test_errors_that_do_not_fit_are_counted() -> None:
    errors = tuple((f"picture HTTP {number}", 100 - number) for number in range(50))

    seen = picture_of(progress(errors=errors), columns=80, lines=15, signs=BLOCKS)

    assert len(seen) == 15
    shown = sum(int(line.split()[0]) for line in seen if "picture HTTP" in line)
    assert seen[-1] == f"{sum(count for _, count in errors) - shown:8d}  of other kinds"


@given(
    st.integers(40, 200),
    st.integers(8, 60),
    st.lists(st.floats(0, 1e6), min_size=1, max_size=80),
    st.lists(st.tuples(st.text("xé 0", max_size=60), st.integers(1, 10**7)), max_size=40),
    st.floats(0, 1e6),
    st.booleans(),
)
def test_nothing_wraps(
    columns: int,
    lines: int,
    rates: list[float],
    errors: list[tuple[str, int]],
    seconds: float,
    has_blocks: bool,
) -> None:
    now = progress(rates=tuple(rates), errors=tuple(errors), seconds=seconds)

    seen = picture_of(now, columns=columns, lines=lines, signs=BarCharacters(has_blocks=has_blocks))

    assert len(seen) <= lines
    assert all(len(line) <= columns for line in seen)
    assert has_blocks or all(line.isascii() or "é" in line for line in seen)


class Window:
    """A pseudo terminal of 80 columns and 24 lines with a program in it."""

    def __init__(self) -> None:
        self._ours, self._theirs = os.openpty()
        fcntl.ioctl(self._theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.text = ""
        self._more = asyncio.Event()

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        """Start the simulator in it, which Ctrl-C reaches."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fleet", *arguments,
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, cwd=ROOT,
            env={**os.environ, "PYTHONUTF8": "1", "COLUMNS": "", "LINES": ""},
            start_new_session=True,
        )  # fmt: skip
        os.close(self._theirs)
        asyncio.get_running_loop().add_reader(self._ours, self._read)
        return process

    def _read(self) -> None:
        try:
            self.text += os.read(self._ours, 65536).decode(errors="replace")
        except OSError:  # the program has ended and closed it
            asyncio.get_running_loop().remove_reader(self._ours)
        self._more.set()

    async def until(self, is_there: Callable[[str], bool]) -> None:
        """Wait until the window showed something."""
        async with asyncio.timeout(WITHIN_S):
            while not is_there(self.text):
                self._more.clear()
                await self._more.wait()

    def close(self) -> None:
        """Close it."""
        asyncio.get_running_loop().remove_reader(self._ours)
        os.close(self._ours)


def words(platform: FakePlatform, folder: Path, report: Path, *more: str) -> list[str]:
    """Return the command line of a fleet that would run for ten minutes."""
    line = f"--base-url {platform.base_url} --terminals 5 --arrivals 60/min --ramp 0.2"
    times = "--duration 600 --sync-interval 0.3 --heartbeat-interval 0.5"
    files = ["--picture-source", str(folder), "--report", str(report)]
    return [*line.split(), *times.split(), *files, *more]


@pytest.mark.slow
async def test_it_is_redrawn_in_place_and_ctrl_c_ends_it_with_its_report(
    platform: FakePlatform, tmp_path: Path
) -> None:
    platform.enrol("100", "Person", person_jpeg(60))
    (tmp_path / "snapshots").mkdir()
    report = tmp_path / "report.json"
    window = Window()

    process = await window.start(*words(platform, tmp_path / "snapshots", report))
    await window.until(lambda text: text.count("\x1b[H") >= 3 and " 5/5" in text)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(WITHIN_S):
        status = await process.wait()
    await window.until(lambda text: "report: " in text)
    window.close()

    reported = json.loads(report.read_text())
    before, after = window.text.split("\x1b[?1049l")
    pictures = before.split("\x1b[H")[1:]
    assert status == 0, window.text
    assert reported["was_stopped"] is True
    assert reported["terminals_in_step"] == 5
    assert window.text.startswith("\x1b[?1049h\x1b[?25l")
    assert before.endswith("\x1b[?25h")
    for picture in pictures:
        lines = ESCAPE.sub("", picture).split("\r\n")
        assert len(lines) < 24
        assert all(len(line) <= 80 for line in lines)
    assert "5 terminals" in after
    assert "Traceback" not in window.text
    assert TOKEN not in window.text


@pytest.mark.slow
async def test_lines_are_written_when_asked_for(platform: FakePlatform, tmp_path: Path) -> None:
    window = Window()

    process = await window.start(
        *words(platform, tmp_path, tmp_path / "report.json", "--no-display")
    )
    await window.until(lambda text: text.count("requests/s") >= 2)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(WITHIN_S):
        await process.wait()
    await window.until(lambda text: '"was_stopped": true' in text)
    window.close()

    assert "\x1b" not in window.text


@pytest.mark.parametrize("has_blocks", [True, False])
def test_a_curve_is_as_high_as_its_values(has_blocks: bool) -> None:
    signs = BarCharacters(has_blocks=has_blocks)

    assert signs.curve([0.0, 5.0, 10.0], 2) == signs.steps[4] + signs.steps[7]
    assert signs.curve([0.0, 0.0], 5) == signs.steps[0] * 2
    assert signs.curve([], 5) == ""
