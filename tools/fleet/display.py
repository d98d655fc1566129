"""Full-screen display of a fleet, redrawn in place by ANSI escape sequences.

Pure apart from `Screen`: `picture_of` says what is to be seen, line by line.
"""

import shutil
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self, TextIO

from fleet.progress import LIBRARY_EMPTY, KindProgress, Progress, is_library_empty

# The other screen, so that what was there before is there again afterwards; no cursor on it.
_ENTER: Final = "\x1b[?1049h\x1b[?25l"
_LEAVE: Final = "\x1b[?25h\x1b[?1049l"
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
_SMALLEST: Final = (40, 8)  # columns and lines; on less than that nothing can be laid out
_HEAD: Final = ("request", "/s", "answered", "busy", "failed", "p50 ms", "p99 ms")
_WIDTHS: Final = (12, 7, 9, 8, 8, 9, 9)


class BarCharacters:
    """The characters of bars: blocks, or plain ones where blocks cannot be shown."""

    def __init__(self, *, has_blocks: bool) -> None:
        """Choose."""
        self.steps = "▁▂▃▄▅▆▇█" if has_blocks else "_.-=+*#@"
        self.full, self.empty = ("█", "░") if has_blocks else ("#", "-")

    def bar(self, part: float, width: int) -> str:
        """A bar that is full to a part of 0 to 1."""
        filled = round(min(max(part, 0.0), 1.0) * width)
        return self.full * filled + self.empty * (width - filled)

    def curve(self, values: Sequence[float], width: int) -> str:
        """Return a bar chart of the last values, scaled to the highest one."""
        last = values[-width:]
        most = max(last, default=0.0)
        if not most:
            return self.steps[0] * len(last)
        top = len(self.steps) - 1
        return "".join(self.steps[round(one / most * top)] for one in last)


def picture_of(now: Progress, *, columns: int, lines: int, signs: BarCharacters) -> list[str]:
    """Return the lines of the display.

    Args:
        now: how the fleet is doing.
        columns: no line is longer.
        lines: there are no more; errors that do not fit are counted.
        signs: of bars.
    """
    left_s = now.planned_s - now.seconds
    when = f"{_clock(left_s)} left" if left_s > 0 else "waiting for the last answers"
    wide = max(columns - 34, 5)
    step = now.in_step / max(now.terminals, 1)
    seen = [
        f"{now.terminals} terminals   {_clock(now.seconds)} elapsed, {when}",
        f"time      {signs.bar(now.seconds / max(now.planned_s, 1e-9), wide)}",
        f"in step   {signs.bar(step, wide)} {now.in_step}/{now.terminals}",
        f"answers/s {signs.curve(now.rates, wide):{wide}} {now.per_s:.0f}",
        f"visits {now.visits}, answered {now.answered}, opened {now.opened},"
        f" uploads waiting {now.waiting}, people held {now.held}",
        "",
        _row(_HEAD),
        *(_row(_cells(kind)) for kind in now.kinds),
    ]
    if is_library_empty(now):
        seen.insert(5, LIBRARY_EMPTY)
    seen += _errors(now, room=lines - len(seen))
    return [line[:columns] for line in seen[:lines]]


def _errors(now: Progress, *, room: int) -> list[str]:
    """The most frequent errors, as many as there is room for."""
    if not now.errors or room < 3:
        return []
    shown = now.errors[: room - 2] if len(now.errors) > room - 2 else now.errors
    if len(shown) < len(now.errors):
        shown = shown[:-1]
    rest = sum(count for _, count in now.errors[len(shown) :])
    lines_shown = [f"{count:8d}  {how}" for how, count in shown]
    return ["", "errors", *lines_shown, *([f"{rest:8d}  of other kinds"] if rest else [])]


def _cells(kind: KindProgress) -> tuple[str, ...]:
    times = (f"{kind.p50_ms:.1f}", f"{kind.p99_ms:.1f}") if kind.answered else ("-", "-")
    return (
        kind.kind,
        f"{kind.per_s:.1f}",
        str(kind.answered),
        str(kind.busy),
        str(kind.failed),
        *times,
    )


def _row(cells: Sequence[str]) -> str:
    first, *others = zip(cells, _WIDTHS, strict=True)
    name, width = first
    return f"{name:{width}}" + "".join(f"{cell:>{width}}" for cell, width in others)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(max(0, round(seconds)), 60)
    return f"{minutes}:{rest:02d}"


class Screen:
    """A terminal window that shows a fleet; its former contents are restored on exit."""

    def __init__(self, out: TextIO) -> None:
        """Show on ``out``, which is a terminal; nothing is drawn yet."""
        self._out = out
        self._signs = BarCharacters(
            has_blocks=(out.encoding or "").lower().replace("-", "") == "utf8"
        )
        self._last: Progress | None = None

    def __enter__(self) -> Self:
        """Go to the other screen."""
        self._out.write(_ENTER)
        self._out.flush()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the screen and print the last picture on it."""
        self._out.write(_LEAVE)
        if self._last is not None:
            self._out.write("".join(f"{line}\n" for line in self._picture(self._last, whole=True)))
        self._out.flush()

    def show(self, now: Progress) -> None:
        """Redraw the display."""
        self._last = now
        drawn = f"{_CLEAR_LINE}\r\n".join(self._picture(now))
        self._out.write(f"{_HOME}{drawn}{_CLEAR_LINE}{_CLEAR_BELOW}")
        self._out.flush()

    def _picture(self, now: Progress, *, whole: bool = False) -> list[str]:
        size = shutil.get_terminal_size()
        columns = max(size.columns, _SMALLEST[0])
        lines = 1000 if whole else max(size.lines - 1, _SMALLEST[1])
        return picture_of(now, columns=columns, lines=lines, signs=self._signs)
