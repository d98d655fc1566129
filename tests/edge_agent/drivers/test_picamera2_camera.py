"""Cameras of the Raspberry Pi; the library is a stand-in with the interface of picamera2 0.3."""

import asyncio
import sys
from collections.abc import Iterator

import numpy as np
import pytest

from edge_agent.drivers import picamera2_camera
from edge_agent.drivers.exceptions import DriverError, DriverTimeout, DriverUnavailable
from edge_agent.drivers.picamera2_camera import Picamera2Options
from tests.support.drivers.fake_picamera2 import Picamera2, installed


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Picamera2]]:
    with installed(monkeypatch) as made:
        yield made


OPTIONS = Picamera2Options(width=160, height=120)


async def test_pictures_are_upright_red_green_blue(library: type[Picamera2]) -> None:
    camera = OPTIONS.make()
    await camera.open()

    first, second = await camera.next_frame(), await camera.next_frame()

    await camera.close()
    assert first is not None
    assert second is not None
    assert (first.image.shape, first.image.dtype) == ((120, 160, 3), np.uint8)
    assert first.image[60, 80].tolist() == [200, 0, 0]
    assert not first.is_visit
    assert second.image[0, 0, 0] == first.image[0, 0, 0] + 1


async def test_camera_that_hangs_upside_down(library: type[Picamera2]) -> None:
    camera = Picamera2Options(width=160, height=120, rotated=True).make()
    await camera.open()

    frame = await camera.next_frame()

    await camera.close()
    assert frame is not None
    assert frame.image[-1, -1].tolist() == [1, 1, 1]
    assert frame.image.flags.c_contiguous


async def test_frames_keep_their_distance(library: type[Picamera2]) -> None:
    camera = Picamera2Options(width=160, height=120, interval_s=0.1).make()
    await camera.open()
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    for _ in range(3):
        await camera.next_frame()

    await camera.close()
    assert loop.time() - started_s >= 0.2


async def test_closing_gives_the_camera_back(library: type[Picamera2]) -> None:
    camera = OPTIONS.make()
    await camera.open()
    await camera.open()
    await camera.close()
    await camera.close()

    assert library.in_use == set()
    assert len(library.made) == 1
    await camera.open()
    assert await camera.next_frame() is not None
    await camera.close()


async def test_camera_that_stops_delivering_is_a_timeout_and_can_be_opened_again(
    library: type[Picamera2],
) -> None:
    camera = picamera2_camera.Picamera2Camera(OPTIONS, timeout_s=0.2)
    await camera.open()
    library.delivers.clear()

    with pytest.raises(DriverTimeout, match="camera 0 of this computer does not answer"):
        await camera.next_frame()
    await camera.close()
    library.delivers.set()
    await camera.open()

    assert await camera.next_frame() is not None
    await camera.close()


async def test_camera_that_fails_is_an_error(library: type[Picamera2]) -> None:
    camera = OPTIONS.make()
    await camera.open()
    library.failure = RuntimeError("Camera frontend has timed out")

    with pytest.raises(DriverError, match="gives no pictures"):
        await camera.next_frame()
    await camera.close()


async def test_absent_camera_is_one_clear_sentence(library: type[Picamera2]) -> None:
    with pytest.raises(DriverUnavailable, match=r"^there is no camera 3 on this computer$"):
        await Picamera2Options(camera=3).make().open()


async def test_camera_that_another_program_has_is_one_clear_sentence(
    library: type[Picamera2],
) -> None:
    first, second = OPTIONS.make(), OPTIONS.make()
    await first.open()

    with pytest.raises(DriverUnavailable, match="camera 0"):
        await second.open()
    await second.close()
    assert await first.next_frame() is not None
    await first.close()


async def test_absent_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)

    with pytest.raises(DriverUnavailable, match="python3-picamera2"):
        await OPTIONS.make().open()


async def test_closed_camera_is_an_error(library: type[Picamera2]) -> None:
    with pytest.raises(DriverError, match="is not open"):
        await OPTIONS.make().next_frame()
