"""How the terminal is, as the page shows it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.api.terminal import Terminal
from edge_agent.door.glance import Glance
from edge_agent.drivers.base import Clock
from edge_agent.page.reading import FileReader, FileTrouble
from edge_agent.service.supervision import Supervisor


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the page looks; nothing here is ever waited for by the door.

    Attributes:
        glance: the newest picture and reading.
        loops: name to what keeps it running; filled when they start.
        known: how many people can be recognised.
        library_age_s: how old the library is in seconds, None when it never was complete.
        is_answered: whether the platform answered the last heartbeat, None before the first.
        offset_s: how far the terminal's clock is ahead of the computer's, in seconds.
        has_thermometer: whether there is one at all.
    """

    glance: Glance
    loops: Mapping[str, Supervisor]
    known: Callable[[], int]
    library_age_s: Callable[[], float | None]
    is_answered: Callable[[], bool | None]
    offset_s: Callable[[], float]
    has_thermometer: bool


class Standing:
    """Gathers it."""

    def __init__(self, sources: Sources, terminal: Terminal, reader: FileReader) -> None:
        self._sources = sources
        self._terminal = terminal
        self._reader = reader

    async def state(self) -> dict[str, Any]:
        """Return everything that moves on the page, JSON values."""
        sources, clock = self._sources, self._terminal.clock
        told: dict[str, Any] = {
            "at": self._terminal.time.now_ms(),
            "offsetS": round(sources.offset_s(), 3),
            "loops": {name: keeper.state.value for name, keeper in sources.loops.items()},
            "isAnswered": sources.is_answered(),
            "libraryAgeS": _whole(sources.library_age_s()),
            "known": sources.known(),
            "camera": _camera(sources.glance, clock),
            "thermometer": self._thermometer(clock),
        }
        try:
            facts = await self._reader.facts()
        except FileTrouble:
            return told | {"file": None}
        return told | {
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
        glance = self._sources.glance
        told: dict[str, Any] = {"works": glance.thermometer_works}
        if glance.reading is not None:
            age_s = clock.monotonic() - glance.reading.at_s
            told |= {"c": glance.reading.c, "ageS": _whole(age_s)}
        return told


def _camera(glance: Glance, clock: Clock) -> dict[str, Any] | None:
    """None before the first picture."""
    if glance.view is None:
        return None
    age_s = clock.monotonic() - glance.view.at_s
    return {"ageS": _whole(age_s), "isLive": not glance.view.frame.is_visit}


def _whole(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds)
