"""For every driver of this package: equipment that is there, and equipment that is not."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from edge_agent.config.driver_registry import driver_options
from tests.support.edge.fakes import person_jpeg
from tests.support.tools import module

Options = dict[str, Any]
Present = Callable[[Path, pytest.MonkeyPatch], AbstractAsyncContextManager[Any]]


def made(section: str, driver: str, **options: Any) -> Any:
    return driver_options(section, driver)(**options).make()


@asynccontextmanager
async def folder(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    (path / "a.jpg").write_bytes(person_jpeg(100))
    yield made("camera", "folder", folder=path, interval_s=0.0)


@asynccontextmanager
async def opencv(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    cv2 = module("cv2", extra="edge-opencv")
    video = path / "door.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 50.0, (64, 48))
    for _ in range(20):
        writer.write(np.full((48, 64, 3), 90, dtype=np.uint8))
    writer.release()
    yield made("camera", "opencv", source=str(video))


@asynccontextmanager
async def picamera2(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from tests.support.drivers.fake_picamera2 import installed

    with installed(patch):
        yield made("camera", "picamera2", width=160, height=120)


@asynccontextmanager
async def gpiod(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from tests.support.drivers.fake_gpiod import install_line

    install_line(patch)
    yield made("relay", "gpiod")


@asynccontextmanager
async def usb_hid(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from edge_agent.drivers import relay_usb_hid
    from tests.support.drivers.fake_hidraw import Board, Computer

    computer = Computer(path, patch)
    computer.plug_in("hidraw0", Board())
    yield relay_usb_hid.UsbHidRelay(
        serial="", channel=1, sysfs=computer.sysfs, devices=computer.devices
    )


@asynccontextmanager
async def http(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from tests.support.drivers.relay_box import Box

    box = Box()
    await box.start()
    yield box.options().make()
    await box.stop()


@asynccontextmanager
async def http_pulse(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from tests.support.drivers.relay_box import Box

    box = Box()
    await box.start()
    yield made("relay", "http", pulse_url=f"http://127.0.0.1:{box.port}/pulse?{{ms}}")
    await box.stop()


@asynccontextmanager
async def mlx90614(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    module("smbus2", extra="edge-i2c")
    from tests.support.drivers.fake_i2c import FakeI2c
    from tests.support.drivers.fake_mlx90614 import FakeMlx90614

    FakeI2c(patch).buses[1] = {0x5A: FakeMlx90614()}
    yield made("thermometer", "mlx90614")


@asynccontextmanager
async def mlx90640(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    module("smbus2", extra="edge-i2c")
    from tests.support.drivers.fake_i2c import FakeI2c
    from tests.support.drivers.fake_mlx90640 import FakeMlx90640, Raw

    scene = [[30.0] * 32 for _ in range(24)]
    FakeI2c(patch).buses[1] = {0x33: FakeMlx90640(Raw(), scene=scene)}
    yield made("thermometer", "mlx90640", refresh_hz=32)


@asynccontextmanager
async def serial(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    module("serial", extra="edge-serial")
    from tests.support.drivers.serial_line import Line

    line = Line()
    line.keeps_sending(b"36.6\n")
    yield made("thermometer", "serial", port=line.path)
    line.hang_up()


@asynccontextmanager
async def keyboard_wedge(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from tests.support.drivers.fake_input import Cable

    cable = Cable(path / "event7")
    yield made("card_reader", "keyboard-wedge", device=str(cable.path), grab=False)
    cable.pull_out()


@asynccontextmanager
async def simulated_reader(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    (path / "cards.json").write_text('["00047112345"]')
    yield made("card_reader", "simulated", file=path / "cards.json")


@asynccontextmanager
async def console(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    (path / "tty1").touch()
    yield made("prompter", "console", device=str(path / "tty1"))


@asynccontextmanager
async def espeak(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    from tests.support.drivers.spoken import Spoken

    patch.setenv("PATH", str(path))
    patch.setenv("SPOKEN", str(path))
    Spoken(path)
    yield made("prompter", "espeak")


@asynccontextmanager
async def display(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    yield made("prompter", "display", port=0)


def plain(section: str, driver: str) -> Present:
    @asynccontextmanager
    async def needs_nothing(path: Path, patch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
        yield made(section, driver)

    return needs_nothing


PRESENT: Final[dict[tuple[str, str], list[Present]]] = {
    ("camera", "folder"): [folder],
    ("camera", "opencv"): [opencv],
    ("camera", "picamera2"): [picamera2],
    ("relay", "simulated"): [plain("relay", "simulated")],
    ("relay", "gpiod"): [gpiod],
    ("relay", "usb-hid"): [usb_hid],
    ("relay", "http"): [http, http_pulse],
    ("thermometer", "simulated"): [plain("thermometer", "simulated")],
    ("thermometer", "none"): [plain("thermometer", "none")],
    ("thermometer", "mlx90614"): [mlx90614],
    ("thermometer", "mlx90640"): [mlx90640],
    ("thermometer", "serial"): [serial],
    ("card_reader", "none"): [plain("card_reader", "none")],
    ("card_reader", "keyboard-wedge"): [keyboard_wedge],
    ("card_reader", "simulated"): [simulated_reader],
    ("prompter", "none"): [plain("prompter", "none")],
    ("prompter", "console"): [console],
    ("prompter", "espeak"): [espeak],
    ("prompter", "display"): [display],
}


def without_i2c(path: Path, patch: pytest.MonkeyPatch) -> Options:
    return {"bus": 250}


def away(path: Path, patch: pytest.MonkeyPatch) -> Options:
    return {"on_url": "http://127.0.0.1:9/on", "off_url": "http://127.0.0.1:9/off"}


def without_programs(path: Path, patch: pytest.MonkeyPatch) -> Options:
    patch.setenv("PATH", str(path))
    return {}


def without_picamera2(path: Path, patch: pytest.MonkeyPatch) -> Options:
    patch.setitem(sys.modules, "picamera2", None)
    return {}


def nowhere(key: str) -> Callable[[Path, pytest.MonkeyPatch], Options]:
    return lambda path, patch: {key: str(path / "nowhere")}


def of_somebody_else(path: Path, patch: pytest.MonkeyPatch) -> Options:
    """An address that this computer does not have (RFC 5737)."""
    return {"host": "192.0.2.1", "port": 8898}


def empty_usb(path: Path, patch: pytest.MonkeyPatch) -> Options:
    """Boards are looked for where the system lists them; there is none in an empty list."""
    from edge_agent.drivers import relay_usb_hid

    patch.setattr(relay_usb_hid, "SYSFS", path)
    patch.setattr(relay_usb_hid, "DEVICES", path)
    return {}


# Those that need nothing cannot be absent.
ABSENT: Final[dict[tuple[str, str], Callable[[Path, pytest.MonkeyPatch], Options]]] = {
    ("camera", "folder"): lambda path, patch: {"folder": path / "nowhere"},
    ("camera", "opencv"): nowhere("source"),
    ("camera", "picamera2"): without_picamera2,
    ("relay", "gpiod"): nowhere("chip"),
    ("relay", "usb-hid"): empty_usb,
    ("relay", "http"): away,
    ("thermometer", "mlx90614"): without_i2c,
    ("thermometer", "mlx90640"): without_i2c,
    ("thermometer", "serial"): nowhere("port"),
    ("card_reader", "keyboard-wedge"): nowhere("device"),
    ("card_reader", "simulated"): lambda path, patch: {"file": path / "nowhere"},
    ("prompter", "console"): nowhere("device"),
    ("prompter", "espeak"): without_programs,
    ("prompter", "display"): of_somebody_else,
}
NEED_NOTHING: Final = {
    ("relay", "simulated"),
    ("thermometer", "simulated"),
    ("thermometer", "none"),
    ("card_reader", "none"),
    ("prompter", "none"),
}
