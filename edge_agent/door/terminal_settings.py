"""Settings objects of chapter 8.1 as this terminal stores and reports them."""

import asyncio
import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from edge_agent.config import AgentConfig
from edge_agent.door.door_settings import DoorSettings, door_settings, reported_defaults
from edge_agent.storage import Database
from terminal_protocol.device_objects import OBJECTS


class TerminalSettings:
    """Settings on disk over those of the configuration.

    Only what was really changed is kept, field by field: writing back what was read changes
    nothing, and a changed configuration still counts for everything else.
    """

    def __init__(
        self, config: AgentConfig, database: Database, *, network: Mapping[str, Any]
    ) -> None:
        """Start with the configuration's values until `load`.

        Args:
            config: holds for what was not changed.
            database: where changes are kept.
            network: NetworkObject as this computer has it.
        """
        self._config = config
        self._database = database
        self._defaults = reported_defaults(config, network)
        self._changed: dict[str, dict[str, Any]] = {name: {} for name in self._defaults}
        self._door = door_settings(config, {}, {}, {})
        self._changing = asyncio.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """Objects that can be set."""
        return tuple(self._defaults)

    @property
    def device_name(self) -> str:
        """Name of the terminal, used everywhere (8.1.1 and 8.1.6)."""
        return str(self.reported("ProductionObject")["deviceName"])

    def door(self) -> DoorSettings:
        """Effective settings at the door."""
        return self._door

    def reported(self, name: str) -> dict[str, Any]:
        """Return a settings object in the seed's order, as the terminal reports it."""
        return OBJECTS[name].write(self._defaults[name] | self._changed[name])

    async def load(self) -> None:
        """Load changed settings; values that are no longer allowed are ignored."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, str, str]]:
            return connection.execute("SELECT object, name, value FROM settings").fetchall()

        kept: dict[str, dict[str, Any]] = {}
        for name, field_name, value in await self._database.run(work):
            kept.setdefault(name, {})[field_name] = json.loads(value)
        for name in self._changed:
            self._changed[name] = OBJECTS[name].read(kept.get(name, {}), is_partial=True).values
        self._refresh()

    async def change(self, name: str, values: Mapping[str, Any]) -> None:
        """Store a settings object and apply it at once.

        Args:
            name: of the object, one of `names`.
            values: wire name to value, as `WireObject.read` gave them; optional fields may be
                absent and stay as they are.
        """
        # Changes are checked against what holds, so they come one after the other.
        async with self._changing:
            await self._change(name, values)

    async def _change(self, name: str, values: Mapping[str, Any]) -> None:
        before = self._defaults[name] | self._changed[name]
        changed = {key: value for key, value in values.items() if before.get(key) != value}

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT OR REPLACE INTO settings (object, name, value) VALUES (?, ?, ?)",
                [(name, key, json.dumps(value)) for key, value in changed.items()],
            )

        await self._database.run(work)
        self._changed[name] |= changed
        self._refresh()

    def _refresh(self) -> None:
        names = ("SmartFaceObject", "PerParaObject", "ProductionObject")
        self._door = door_settings(self._config, *(self._changed[name] for name in names))
