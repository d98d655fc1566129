"""Status of the terminal as the page shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.api.terminal import Terminal
from edge_agent.door import LiveView
from edge_agent.drivers import Clock
from edge_agent.page.file_reader import FileReader, FileUnavailable


@dataclass(frozen=True, slots=True)
class StatusSources:
    """Sources of the status; the door never waits for any of them.

    Attributes:
        live_view: the newest picture and reading.
        loops: name of a loop to its state.
        known: how many people can be recognised.
        library_age_s: how old the library is in seconds, None when it never was complete.
        is_answered: whether the platform answered the last heartbeat, None before the first.
        offset_s: how far the terminal's clock is ahead of the computer's, in seconds.
        has_thermometer: whether there is one at all.
    """

    live_view: LiveView
    loops: Callable[[], Mapping[str, str]]
    known: Callable[[], int]
    library_age_s: Callable[[], float | None]
    is_answered: Callable[[], bool | None]
    offset_s: Callable[[], float]
    has_thermometer: bool


class PageStatus:
    """Collect the status."""

    def __init__(self, sources: StatusSources, terminal: Terminal, reader: FileReader) -> None:
        self._sources = sources
        self._terminal = terminal
        self._reader = reader

    async def state(self) -> dict[str, Any]:
        """Return everything that moves on the page, JSON values."""
        sources, clock = self._sources, self._terminal.clock
        values: dict[str, Any] = {
            "at": self._terminal.time.now_ms(),
            "offsetS": round(sources.offset_s(), 3),
            "loops": dict(sources.loops()),
            "isAnswered": sources.is_answered(),
            "libraryAgeS": _whole(sources.library_age_s()),
            "known": sources.known(),
            "camera": _camera(sources.live_view, clock),
            "thermometer": self._thermometer(clock),
        }
        try:
            facts = await self._reader.facts()
        except FileUnavailable:
            return values | {"file": None}
        return values | {
            "file": {
                "people": facts.people,
                "pending": facts.pending,
                "parked": facts.parked,
                "passes": facts.passes,
                "openings": facts.openings,
            }
        }

    def _thermometer(self, clock: Clock) -> dict[str, Any] | None:
        """None without a thermometer."""
        if not self._sources.has_thermometer:
            return None
        live_view = self._sources.live_view
        values: dict[str, Any] = {"works": live_view.thermometer_works}
        if live_view.reading is not None:
            age_s = clock.monotonic() - live_view.reading.at_s
            values |= {"c": live_view.reading.c, "ageS": _whole(age_s)}
        return values


def _camera(live_view: LiveView, clock: Clock) -> dict[str, Any] | None:
    """None before the first picture."""
    if live_view.view is None:
        return None
    age_s = clock.monotonic() - live_view.view.at_s
    return {"ageS": _whole(age_s), "isLive": not live_view.view.frame.is_visit}


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
