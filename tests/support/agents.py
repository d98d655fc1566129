"""The software terminal as a process of its own; what it tells is kept."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.processes import ROOT

Told = dict[str, Any]


class Agent:
    """A running ``python -m edge_agent run``.

    Attributes:
        config: its TOML file.
        events: what it told by ``--events``.
        output: every line that it wrote.
    """

    def __init__(self, config: Path, *arguments: str) -> None:
        self.config = config
        self.events: list[Told] = []
        self.output: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", "run", "--config", str(config), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stream:
            for line in stream:
                with self._changed:
                    self.output.append(line.rstrip("\n"))
                    if line.startswith("{"):
                        self.events.append(json.loads(line))
                    self._changed.notify_all()

    def named(self, event: str) -> list[Told]:
        """Return what was told of one kind so far."""
        return [one for one in self.events if one["event"] == event]

    def visits(self) -> list[Told]:
        """Return what was told of visits so far."""
        return self.named("visit")

    def wait(self, condition: Callable[["Agent"], bool], *, timeout_s: float = 40) -> None:
        """Wait until a condition is met; fail with all that was told."""
        with self._changed:
            met = self._changed.wait_for(lambda: condition(self), timeout_s)
        assert met, "\n".join(self.output)

    def wait_event(self, condition: Callable[[Told], bool]) -> Told:
        """Wait for something to be told, if it was not yet; return it."""
        self.wait(lambda here: any(map(condition, here.events)))
        return next(filter(condition, self.events))

    def wait_visits(self, more: int, *, of: Callable[[Told], bool] = bool) -> list[Told]:
        """Wait for so many visits after now; return them."""
        begin = len(self.events)

        def found() -> list[Told]:
            return [one for one in self.events[begin:] if one["event"] == "visit" and of(one)]

        self.wait(lambda _: len(found()) >= more)
        return found()

    def ended(self, *, timeout_s: float = 60) -> int:
        """Wait for the process to end; its exit status."""
        status = self.process.wait(timeout_s)
        self._reader.join(20)
        return status

    def kill(self) -> None:
        """Kill -9, and take in what it had told."""
        if self.process.poll() is None:
            self.process.kill()
        self.ended()
