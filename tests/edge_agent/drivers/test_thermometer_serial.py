"""Thermometers on a serial port: a real pair of terminals, with a sensor at the other end."""

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.drivers.base import Frame
from edge_agent.drivers.exceptions import (
    DriverError,
    DriverProtocolError,
    DriverTimeout,
    DriverUnavailable,
)
from edge_agent.drivers.thermometer_serial import SerialThermometer, SerialThermometerOptions
from tests.support.drivers.serial_line import Line
from tests.support.tools import module

module("serial", extra="edge-serial")


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.hang_up()


async def opened(line: Line, **options: object) -> SerialThermometer:
    made = SerialThermometerOptions(port=line.path, **options).make()  # type: ignore[arg-type]
    await made.open()
    return made


async def test_a_sensor_that_sends_by_itself(line: Line, frame: Frame) -> None:
    thermometer = await opened(line)
    line.keeps_sending(b"T body = 36.62 C\r\n")

    reading = await thermometer.read(frame)

    await thermometer.close()
    assert reading is not None
    assert float(reading.surface_c[0, 0]) == pytest.approx(36.62)
    assert reading.is_body
    assert reading.ambient_c is None


async def test_a_sensor_that_is_asked(line: Line, frame: Frame) -> None:
    line.answers(b"\xa5READ\n", b"34,71;23,5;0.42\n")
    thermometer = SerialThermometerOptions(
        port=line.path,
        ask="\u00a5READ\n",
        pattern=r"(?P<surface>[\d,]+);(?P<ambient>[\d,]+);(?P<distance>[\d.]+)",
    ).make()
    await thermometer.open()

    reading = await thermometer.read(frame)

    await thermometer.close()
    assert reading is not None
    assert float(reading.surface_c[0, 0]) == pytest.approx(34.71)
    assert (reading.ambient_c, reading.distance_m) == (23.5, 0.42)
    assert not reading.is_body


async def test_what_was_said_before_belongs_to_somebody_else(line: Line, frame: Frame) -> None:
    line.answers(b"?\n", b"36.1\n")
    thermometer = await opened(line, ask="?\n")
    line.send(b"39.9\n39.9\n")

    reading = await thermometer.read(frame)

    await thermometer.close()
    assert reading is not None
    assert float(reading.surface_c[0, 0]) == pytest.approx(36.1)


async def test_a_line_that_tells_nothing_is_no_reading(line: Line, frame: Frame) -> None:
    thermometer = await opened(line)
    line.keeps_sending(b"nobody there\r\n")

    assert await thermometer.read(frame) is None
    await thermometer.close()


async def test_silence_is_a_timeout_within_the_promised_second(line: Line, frame: Frame) -> None:
    thermometer = await opened(line, timeout_s=0.2)
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    with pytest.raises(DriverTimeout, match="sends nothing"):
        await thermometer.read(frame)

    assert loop.time() - started_s < 0.6
    await thermometer.close()


async def test_endless_noise_is_an_error(line: Line, frame: Frame) -> None:
    thermometer = await opened(line)
    line.keeps_sending(b"x" * 100, every_s=0.005)

    with pytest.raises(DriverProtocolError, match="sends no lines"):
        await thermometer.read(frame)
    await thermometer.close()


async def test_a_number_that_is_none_is_an_error(line: Line, frame: Frame) -> None:
    thermometer = await opened(line, pattern=r"(?P<body>[\d.]+)")
    line.keeps_sending(b"3.6.2\n")

    with pytest.raises(DriverProtocolError, match="no number"):
        await thermometer.read(frame)
    await thermometer.close()


async def test_a_line_that_breaks_is_opened_again(line: Line, frame: Frame, tmp_path: Path) -> None:
    port = tmp_path / "ttyUSB0"
    port.symlink_to(line.path)
    thermometer = SerialThermometerOptions(port=str(port), timeout_s=0.3).make()
    await thermometer.open()
    line.hang_up()
    with pytest.raises(DriverError):
        await thermometer.read(frame)

    other = Line()
    port.unlink()
    port.symlink_to(other.path)
    other.keeps_sending(b"36.40\n")
    reading = await thermometer.read(frame)

    await thermometer.close()
    other.hang_up()
    assert reading is not None
    assert float(reading.surface_c[0, 0]) == pytest.approx(36.4)


async def test_absent_port_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "ttyUSB9"

    with pytest.raises(DriverUnavailable, match=f"^serial port {path} is not there$"):
        await SerialThermometerOptions(port=str(path)).make().open()


async def test_what_is_no_port_is_one_clear_sentence(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(DriverUnavailable, match=f"^serial port {path} cannot be used$"):
        await SerialThermometerOptions(port=str(path)).make().open()


async def test_absent_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)

    with pytest.raises(DriverUnavailable, match="edge-serial"):
        await SerialThermometerOptions().make().open()


async def test_closed_port_is_an_error(line: Line, frame: Frame) -> None:
    thermometer = await opened(line)
    await thermometer.close()
    await thermometer.close()

    with pytest.raises(DriverError, match="is not open"):
        await thermometer.read(frame)


@pytest.mark.parametrize(
    ("pattern", "reported"),
    [
        (r"(", "thermometer.pattern: "),
        (r"\d+", "needs a group named body or surface"),
        (r"(?P<body>\d+)(?P<mood>.)", "unknown group mood"),
    ],
)
def test_patterns_that_tell_nothing_are_refused(pattern: str, reported: str) -> None:
    with pytest.raises(ConfigInvalid, match=reported):
        SerialThermometerOptions(pattern=pattern).make()


def test_a_question_that_no_octets_can_ask_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match=r"thermometer\.ask: "):
        SerialThermometerOptions(ask="体温").make()
