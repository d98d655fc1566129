"""Cameras on the network are found again, and their passwords stay with them."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from edge_agent.drivers import opencv_camera
from edge_agent.drivers.exceptions import DriverUnavailable
from edge_agent.drivers.opencv_camera import OpencvCamera, OpencvCameraOptions
from tests.support.drivers.rtsp_camera import RtspCamera
from tests.support.tools import module
from tests.support.waiting import wait_until_async

module("cv2", extra="edge-opencv")

PASSWORD = "s3cr3t-of-the-camera"


@pytest.fixture
def network_camera() -> Iterator[RtspCamera]:
    made = RtspCamera()
    made.start()
    yield made
    made.stop()


async def colours_until(camera: OpencvCamera, wanted: str) -> list[str]:
    """Take pictures until one has the colour."""
    seen = []
    async with asyncio.timeout(20):
        while not seen or seen[-1] != wanted:
            frame = await camera.next_frame()
            assert frame is not None
            red, green, blue = frame.image.reshape(-1, 3).mean(axis=0)
            seen.append({red: "red", green: "green", blue: "blue"}[max(red, green, blue)])
    return seen


async def test_a_stream_with_a_password_is_shown_as_rgb(
    network_camera: RtspCamera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    network_camera.password = PASSWORD
    options = OpencvCameraOptions(source=network_camera.url(password=PASSWORD))
    camera = options.make()
    await camera.open()

    seen = await colours_until(camera, "red")

    await camera.close()
    assert seen == ["red"]
    assert PASSWORD not in caplog.text + repr(options)


async def test_a_stream_that_is_lost_is_opened_again(
    network_camera: RtspCamera, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    camera = OpencvCamera(network_camera.url(), interval_s=0, rounds=0, reconnect_first_s=0.05)
    await camera.open()
    await colours_until(camera, "red")

    network_camera.stop()
    network_camera.colour = (0, 0, 200)
    await wait_until_async(lambda: "camera_lost" in caplog.text)
    network_camera.start()
    await colours_until(camera, "blue")

    await camera.close()
    assert network_camera.played == 2
    messages = [one.message for one in caplog.records if one.name == opencv_camera.__name__]
    assert messages == ["camera_lost source=stream", "camera_back source=stream"]


async def test_a_stream_that_hangs_is_given_up_and_opened_again(
    network_camera: RtspCamera,
) -> None:
    camera = OpencvCamera(
        network_camera.url(), interval_s=0, rounds=0, reconnect_first_s=0.05, stream_limit_ms=500
    )
    await camera.open()
    await colours_until(camera, "red")
    network_camera.is_stalled = True
    await asyncio.sleep(0.6)  # longer than the limit
    network_camera.colour = (0, 200, 0)
    network_camera.is_stalled = False

    await colours_until(camera, "green")

    await camera.close()
    assert network_camera.played >= 2


@pytest.mark.parametrize("password", ["", "wrong-password"])
async def test_a_stream_that_cannot_be_had_is_one_clear_sentence(
    network_camera: RtspCamera, password: str
) -> None:
    network_camera.password = PASSWORD

    with pytest.raises(DriverUnavailable) as caught:
        await OpencvCamera(network_camera.url(password=password), interval_s=0, rounds=0).open()

    assert str(caught.value) == "the camera's source stream cannot be opened"
