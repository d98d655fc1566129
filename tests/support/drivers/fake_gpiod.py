"""A GPIO line behind ``gpiod.request_lines``; everything else of the library is the real one."""

import sys
import types
from typing import Any

import pytest

from tests.support.tools import module

gpiod = module("gpiod", extra="edge-gpio")


class FakeLine:
    """A GPIO line with the interface of libgpiod 2, as its documentation describes it."""

    def __init__(self) -> None:
        self.levels: list[str] = []
        self.is_released = False
        self.is_active_low = False
        self.error: Exception | None = None

    def set_value(self, line: int, value: Any) -> None:
        if self.is_released:
            raise gpiod.RequestReleasedError
        if self.error is not None:
            raise self.error
        self.levels.append(f"{line}={value.name}")

    def release(self) -> None:
        self.is_released = True


def install_line(monkeypatch: pytest.MonkeyPatch) -> FakeLine:
    """Let `/dev/gpiochip0` have a line."""
    fake = FakeLine()

    def request_lines(path: str, consumer: str, config: dict[int, Any]) -> FakeLine:
        if path != "/dev/gpiochip0":
            raise FileNotFoundError(2, "No such file or directory", path)
        ((number, settings),) = config.items()
        assert settings.direction is gpiod.line.Direction.OUTPUT
        fake.is_active_low = settings.active_low
        fake.is_released = False
        fake.levels.append(f"{number}={settings.output_value.name}")
        return fake

    module = types.ModuleType("gpiod")
    module.__dict__.update(vars(gpiod) | {"request_lines": request_lines})
    monkeypatch.setitem(sys.modules, "gpiod", module)
    return fake
