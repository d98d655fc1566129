"""Folders and videos as cameras."""

import asyncio
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_agent.drivers.base import Camera, Frame
from edge_agent.drivers.exceptions import DriverUnavailable
from edge_agent.drivers.folder_camera import FolderCamera
from edge_agent.drivers.opencv_camera import OpencvCamera
from tests.support.broken_pictures import BrokenPictures
from tests.support.edge.fakes import person_jpeg
from tests.support.processes import ROOT
from tests.support.tools import module

CASES = ROOT / "tests/support/picture_cases"


async def frames_of(camera: Camera) -> list[Frame]:
    found = []
    await camera.open()
    try:
        async with asyncio.timeout(10):
            while (frame := await camera.next_frame()) is not None:
                found.append(frame)
    finally:
        await camera.close()
        await camera.close()
    return found


def folder_with(folder: Path, *names: str) -> Path:
    for number, name in enumerate(names):
        (folder / name).write_bytes(person_jpeg(60 + number))
    return folder


async def test_folder_is_shown_in_the_order_of_names(tmp_path: Path) -> None:
    folder_with(tmp_path, "b.jpg", "a.jpg", "c.JPG")

    frames = await frames_of(FolderCamera(tmp_path, interval_s=0, rounds=2))

    assert [frame.label for frame in frames] == ["a", "b", "c", "a", "b", "c"]
    assert all(frame.is_visit for frame in frames)
    assert frames[0].image.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("name", "label", "temperature_c"),
    [
        ("obama.jpg", "obama", None),
        ("1-obama.jpg", "obama", None),
        ("obama@38.2.jpg", "obama", 38.2),
        ("04-obama@37.jpg", "obama", 37.0),
        ("obama@home.jpg", "obama@home", None),
        ("a@b@36.65.jpg", "a@b", 36.65),
        ("17.jpg", "17", None),
    ],
)
async def test_name_of_a_picture_is_the_script(
    tmp_path: Path, name: str, label: str, temperature_c: float | None
) -> None:
    folder_with(tmp_path, name)

    (frame,) = await frames_of(FolderCamera(tmp_path, interval_s=0, rounds=1))

    assert (frame.label, frame.scripted_temperature_c) == (label, temperature_c)


async def test_what_is_no_picture_is_passed_over(tmp_path: Path) -> None:
    folder_with(tmp_path, "good.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 nothing follows")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.jpg").mkdir()

    frames = await frames_of(FolderCamera(tmp_path, interval_s=0, rounds=1))

    assert [frame.label for frame in frames] == ["good"]


async def test_folder_is_walked_past_whatever_is_broken(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg", "z.jpg")
    broken = iter(BrokenPictures(11))
    for number in range(30):
        name, raw = next(broken)
        suffix = name.partition(":")[0].partition("-")[0].lower()
        (tmp_path / f"m{number}.{suffix if suffix != 'heif' else 'jpg'}").write_bytes(raw)
    for case in CASES.glob("*.jpg"):
        shutil.copy(case, tmp_path)

    frames = await frames_of(FolderCamera(tmp_path, interval_s=0, rounds=1))

    labels = [frame.label for frame in frames]
    assert labels[0] == "a"
    assert labels[-1] == "z"
    assert {case.stem for case in CASES.glob("*.jpg")} < set(labels)


async def test_visitors_keep_their_distance(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    await frames_of(FolderCamera(tmp_path, interval_s=0.1, rounds=1))

    assert loop.time() - started_s >= 0.3


async def test_folder_without_rounds_goes_on_and_sees_new_pictures(tmp_path: Path) -> None:
    folder_with(tmp_path, "a.jpg")
    camera = FolderCamera(tmp_path, interval_s=0, rounds=0)
    await camera.open()
    shown = [await camera.next_frame() for _ in range(5)]
    folder_with(tmp_path, "b.jpg")

    shown += [await camera.next_frame() for _ in range(2)]

    await camera.close()
    assert [one and one.label for one in shown] == ["a", "a", "a", "a", "a", "a", "b"]


async def test_absent_folder_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(DriverUnavailable, match="is not there"):
        await FolderCamera(tmp_path / "nowhere", interval_s=0, rounds=1).open()


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A video of 20 frames at 50 per second; its blue fades out and its red comes up."""
    cv2 = module("cv2", extra="edge-opencv")
    path = tmp_path / "door.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 50.0, (64, 48))
    assert writer.isOpened()
    for number in range(20):
        picture = np.zeros((48, 64, 3), dtype=np.uint8)
        picture[..., 0] = 200 - number * 10  # OpenCV writes blue first
        picture[..., 2] = number * 10
        writer.write(picture)
    writer.release()
    return path


async def test_video_file_is_shown_once_as_rgb(video: Path) -> None:
    frames = await frames_of(OpencvCamera(str(video), interval_s=0, rounds=1))

    assert 2 <= len(frames) <= 20
    first, last = frames[0].image, frames[-1].image
    assert (first.shape, first.dtype) == ((48, 64, 3), np.uint8)
    assert first[..., 2].mean() > 150 > first[..., 0].mean()
    assert last[..., 0].mean() > 150 > last[..., 2].mean()
    assert not frames[0].is_visit


async def test_video_file_plays_as_often_as_asked(video: Path) -> None:
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    await frames_of(OpencvCamera(str(video), interval_s=0, rounds=2))

    assert loop.time() - started_s >= 2 * 20 / 50 * 0.9


async def test_slow_taker_gets_the_newest_picture_and_no_backlog(video: Path) -> None:
    camera = OpencvCamera(str(video), interval_s=0.15, rounds=1)

    frames = await frames_of(camera)

    assert len(frames) <= 5
    assert camera.dropped >= 10
    assert frames[-1].image[..., 0].mean() > 150


async def test_camera_can_be_opened_again(video: Path) -> None:
    camera = OpencvCamera(str(video), interval_s=0, rounds=1)

    first = await frames_of(camera)
    second = await frames_of(camera)

    assert first
    assert second


async def test_closing_stops_the_thread_at_once(video: Path) -> None:
    camera = OpencvCamera(str(video), interval_s=0, rounds=0)
    await camera.open()
    await camera.next_frame()
    loop = asyncio.get_running_loop()
    started_s = loop.time()

    await camera.close()

    assert loop.time() - started_s < 1.0


@pytest.mark.filterwarnings("ignore")
async def test_absent_source_is_one_clear_sentence_without_its_path(tmp_path: Path) -> None:
    module("cv2", extra="edge-opencv")

    with pytest.raises(DriverUnavailable, match=r"source file nothing\.avi cannot be opened"):
        await OpencvCamera(str(tmp_path / "nothing.avi"), interval_s=0, rounds=1).open()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", ["97", "/dev/video97"])
async def test_absent_device_is_one_clear_sentence(source: str) -> None:
    module("cv2", extra="edge-opencv")

    with pytest.raises(DriverUnavailable, match=rf"source device {source} cannot be opened"):
        await OpencvCamera(source, interval_s=0, rounds=1).open()


async def test_absent_library_is_one_clear_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)

    with pytest.raises(DriverUnavailable, match="edge-opencv"):
        await OpencvCamera("0", interval_s=0, rounds=1).open()
