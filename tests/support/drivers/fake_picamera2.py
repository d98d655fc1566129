"""A stand-in with the interface of picamera2 0.3, in the states that it insists on."""

import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray


class Picamera2:
    """What the library offers of a camera, in the states that it insists on."""

    cameras: ClassVar[int] = 1
    in_use: ClassVar[set[int]] = set()
    made: ClassVar[list["Picamera2"]] = []
    delivers: ClassVar[threading.Event] = threading.Event()
    failure: ClassVar[Exception | None] = None

    def __init__(self, camera_num: int = 0) -> None:
        if camera_num >= self.cameras:
            raise IndexError("list index out of range")
        if camera_num in self.in_use:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        self.in_use.add(camera_num)
        self.made.append(self)
        self.number = camera_num
        self.config: dict[str, Any] = {}
        self.started = False
        self.pictures = 0

    def create_video_configuration(self, main: dict[str, Any]) -> dict[str, Any]:
        return {"use_case": "video", "main": {"format": "XBGR8888", **main}}

    def configure(self, camera_config: dict[str, Any]) -> None:
        if self.started:
            raise RuntimeError("Camera must be stopped before configuring")
        self.config = camera_config

    def start(self) -> None:
        if not self.config:
            raise RuntimeError("Camera has not been configured")
        self.started = True

    def capture_array(self, name: str = "main") -> NDArray[np.uint8]:
        """Wait for the next picture, for ever if none comes."""
        if not self.started:
            raise RuntimeError("Camera must be started")
        self.delivers.wait()
        if self.failure is not None:
            raise self.failure
        self.pictures += 1
        width, height = self.config[name]["size"]
        picture = np.zeros((height, width, 3), dtype=np.uint8)
        # "BGR888" is red, green, blue in memory, "RGB888" the other way round.
        red = 0 if self.config[name]["format"] == "BGR888" else 2
        picture[..., red] = 200
        picture[0, 0] = self.pictures
        return picture

    def stop(self) -> None:
        self.started = False

    def close(self) -> None:
        if self.started:
            raise RuntimeError("Camera must be stopped before closing")
        self.in_use.discard(self.number)


@contextmanager
def installed(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Picamera2]]:
    """Let it be what is imported."""
    monkeypatch.setattr(Picamera2, "cameras", 1)
    monkeypatch.setattr(Picamera2, "failure", None)
    Picamera2.in_use.clear()
    Picamera2.made.clear()
    Picamera2.delivers.set()
    module = types.ModuleType("picamera2")
    module.__dict__["Picamera2"] = Picamera2
    monkeypatch.setitem(sys.modules, "picamera2", module)
    yield Picamera2
    Picamera2.delivers.set()
