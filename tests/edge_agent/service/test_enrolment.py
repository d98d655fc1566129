"""People entered at the terminal: good photos only, and only when nobody else writes."""

import dataclasses
import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_agent.__main__ import main
from edge_agent.config import AgentConfig, load_config
from edge_agent.drivers.base import Frame
from edge_agent.service.enrolment import (
    EnrolmentRequest,
    enrol_directly,
    photo_from_camera,
    photo_from_file,
)
from edge_agent.service.exceptions import AlreadyRunning, EnrolmentRefused
from edge_agent.service.instance_lock import instance_lock
from edge_agent.service.matching import match_photo
from face_engine import FaceEngine, install_models, load_engine
from tests.support.edge.fakes import ListCamera


@pytest.fixture(scope="module")
def engine() -> FaceEngine:
    """Return the real face models."""
    install_models()
    return load_engine()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text(
        'device_id = "1"\nbase_url = "http://127.0.0.1:1/t/x7Kq-very-secret"\ndata_dir = "data"\n'
    )
    return path


@pytest.fixture
def config(path: Path) -> AgentConfig:
    return load_config(path)


def opened(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def as_file(picture: Image.Image, kind: str = "PNG") -> bytes:
    sink = io.BytesIO()
    picture.save(sink, kind)
    return sink.getvalue()


def blurred(picture: Image.Image) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 100))


def test_enrolled_person_is_recognised_in_another_picture(
    path: Path, portraits: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    person = ("--user-id", "7", "--name", "Barack Obama", "--type", "visitor")

    assert main(["enrol", "--config", str(path), *person, str(portraits["obama.jpg"])]) == 0
    assert "recognises them from its next start" in capsys.readouterr().out
    assert main(["match", "--config", str(path), str(portraits["obama2.jpg"])]) == 0
    reported = capsys.readouterr().out
    assert "  1. 7  Barack Obama  similarity " in reported
    assert ", the same person" in reported
    assert main(["match", "--config", str(path), str(portraits["biden.jpg"])]) == 1
    assert ", below 60" in capsys.readouterr().out


def test_kept_photo_is_small_and_holds_no_metadata(
    portraits: dict[str, Path], engine: FaceEngine
) -> None:
    source = opened(portraits["biden.jpg"])
    sink = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "taken at home"
    source.save(sink, "JPEG", exif=exif)

    photo = photo_from_file(sink.getvalue(), engine)

    with Image.open(io.BytesIO(photo)) as kept:
        assert kept.format == "JPEG"
        assert 300 <= kept.width == kept.height <= 500
        assert not kept.getexif()


def test_photo_that_is_not_good_is_refused_unless_insisted(
    portraits: dict[str, Path], engine: FaceEngine
) -> None:
    raw = as_file(blurred(opened(portraits["obama.jpg"])))

    with pytest.raises(EnrolmentRefused, match=r"blurred.*Hold the camera still.*--anyway"):
        photo_from_file(raw, engine)

    assert photo_from_file(raw, engine, anyway=True).startswith(b"\xff\xd8\xff")


def test_two_people_or_nobody_are_refused_however_insisted(
    portraits: dict[str, Path], engine: FaceEngine
) -> None:
    one, two = opened(portraits["astronaut.png"]), opened(portraits["astronaut.png"])
    both = Image.new("RGB", (one.width * 2, one.height))
    both.paste(one, (0, 0))
    both.paste(two, (one.width, 0))

    with pytest.raises(EnrolmentRefused, match="More than one face") as caught:
        photo_from_file(as_file(both), engine, anyway=True)
    assert "--anyway" not in str(caught.value)
    with pytest.raises(EnrolmentRefused, match="No face was found"):
        photo_from_file(as_file(Image.new("RGB", (300, 300))), engine, anyway=True)
    with pytest.raises(EnrolmentRefused, match="cannot be read"):
        photo_from_file(b"no picture", engine)


async def test_camera_gives_the_first_good_picture_and_says_what_to_do_before(
    portraits: dict[str, Path], engine: FaceEngine
) -> None:
    good = opened(portraits["obama.jpg"])
    shown = [Image.new("RGB", good.size), blurred(good), blurred(good), good]
    camera = ListCamera([Frame(np.asarray(one)) for one in shown])
    reported: list[str] = []

    photo = await photo_from_camera(camera, engine, within_s=30, report=reported.append)

    assert [one.split(".")[0] for one in reported] == ["No face was found", "The face is blurred"]
    assert photo == photo_from_file(as_file(good), engine)


async def test_camera_without_a_good_picture_takes_the_best_only_when_told(
    portraits: dict[str, Path], engine: FaceEngine
) -> None:
    frames = [Frame(np.asarray(blurred(opened(portraits["obama.jpg"]))))]

    with pytest.raises(EnrolmentRefused, match="blurred"):
        await photo_from_camera(ListCamera(frames), engine, within_s=30, report=lambda _: None)
    photo = await photo_from_camera(
        ListCamera(frames), engine, within_s=30, anyway=True, report=lambda _: None
    )

    assert photo.startswith(b"\xff\xd8\xff")


async def test_nothing_is_written_behind_an_agents_back(
    config: AgentConfig, portraits: dict[str, Path], engine: FaceEngine
) -> None:
    photo = photo_from_file(portraits["obama.jpg"].read_bytes(), engine)

    with instance_lock(config.data_dir), pytest.raises(AlreadyRunning):
        await enrol_directly(config, engine, EnrolmentRequest("7", "Ann"), photo)

    assert not (config.data_dir / "agent.sqlite3").exists()


async def test_another_accounts_data_is_left_alone(
    config: AgentConfig,
    portraits: dict[str, Path],
    engine: FaceEngine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Root's files in the terminal's folder would keep it from starting."""
    photo = photo_from_file(portraits["obama.jpg"].read_bytes(), engine)
    config.data_dir.mkdir()
    uid = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: uid + 1)

    with pytest.raises(EnrolmentRefused, match="run this as that account: sudo -u "):
        await enrol_directly(config, engine, EnrolmentRequest("7", "Ann"), photo)

    assert list(config.data_dir.iterdir()) == []


async def test_database_that_cannot_be_written_is_one_sentence(
    config: AgentConfig, portraits: dict[str, Path], engine: FaceEngine
) -> None:
    photo = photo_from_file(portraits["obama.jpg"].read_bytes(), engine)
    (config.data_dir / "agent.sqlite3").mkdir(parents=True)

    with pytest.raises(EnrolmentRefused, match="database cannot be written: "):
        await enrol_directly(config, engine, EnrolmentRequest("7", "Ann"), photo)


async def test_full_terminal_says_so(
    config: AgentConfig, portraits: dict[str, Path], engine: FaceEngine
) -> None:
    config = dataclasses.replace(config, people_max=1)
    photo = photo_from_file(portraits["obama.jpg"].read_bytes(), engine)
    await enrol_directly(config, engine, EnrolmentRequest("7", "Ann"), photo)
    await enrol_directly(config, engine, EnrolmentRequest("7", "Anne"), photo)

    with pytest.raises(EnrolmentRefused, match="people_max"):
        await enrol_directly(config, engine, EnrolmentRequest("8", "Bob"), photo)


@pytest.mark.parametrize(
    ("user_id", "name", "words"),
    [
        ("all", "Ann", "means all people"),
        ("x" * 41, "Ann", "userId: "),
        ("7", "", "name: "),
    ],
)
def test_wrong_id_or_name_is_said_before_a_photo_is_looked_for(
    path: Path, user_id: str, name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    person = ("--user-id", user_id, "--name", name)

    assert main(["enrol", "--config", str(path), *person, "no-such-file.jpg"]) == 1
    assert words in capsys.readouterr().err


def test_photo_that_is_not_there_is_one_sentence(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install_models()

    assert main(["enrol", "--config", str(path), "--user-id", "7", "--name", "A", "none.jpg"]) == 1
    assert "none.jpg cannot be read: No such file" in capsys.readouterr().err
    assert main(["match", "--config", str(path), "none.jpg"]) == 1
    assert "none.jpg cannot be read: No such file" in capsys.readouterr().err


async def test_match_tells_each_face_and_who_is_left_out(
    config: AgentConfig, portraits: dict[str, Path], engine: FaceEngine
) -> None:
    for user_id, name in (("1", "obama.jpg"), ("2", "biden.jpg"), ("3", "astronaut.png")):
        photo = photo_from_file(portraits[name].read_bytes(), engine)
        await enrol_directly(config, engine, EnrolmentRequest(user_id, name), photo)
    astronaut, obama = opened(portraits["astronaut.png"]), opened(portraits["obama3.jpg"])
    obama.thumbnail((512, 512))
    both = Image.new("RGB", (1024, 512))
    both.paste(astronaut, (0, 0))
    both.paste(obama, (512, 0))

    report = match_photo(config, engine, as_file(both), top=2)

    best = {face.nearest[0].user_id for face in report.faces}
    assert best == {"1", "3"}
    assert all(len(face.nearest) == 2 for face in report.faces)
    assert (report.known, report.left_out, report.is_recognised) == (3, 0, True)
    assert "several_faces" in report.to_json()["faces"][0]["problems"]
    assert set(report.took_ms) >= {"decode", "find", "describe", "search"}


def test_match_without_anybody_held(
    config: AgentConfig, portraits: dict[str, Path], engine: FaceEngine
) -> None:
    report = match_photo(config, engine, portraits["biden.jpg"].read_bytes(), top=3)

    assert (report.known, report.is_recognised) == (0, False)
    assert not config.data_dir.exists()
