"""``bench`` measures what it says, on the real models, and leaves nothing behind."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.__main__ import main
from edge_agent.config import load_config
from edge_agent.service.enrolment import EnrolmentRequest, enrol_directly, photo_from_file
from edge_agent.service.speed import SpeedPlan, _step, _unit_vectors, measure_speed
from face_engine import install_models, load_engine
from tests.support.edge.fakes import FakeEngine, person_image


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text('device_id = "1"\nbase_url = "http://127.0.0.1:1/t/x"\ndata_dir = "data"\n')
    return path


async def enrolled(path: Path, raw: bytes) -> None:
    engine = load_engine()
    photo = photo_from_file(raw, engine)
    await enrol_directly(load_config(path), engine, EnrolmentRequest("7", "Ann"), photo)


@pytest.mark.slow
def test_every_step_is_measured_and_the_terminals_data_is_as_it_was(
    path: Path, portraits: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    install_models()
    portrait = portraits["obama.jpg"]
    asyncio.run(enrolled(path, portrait.read_bytes()))
    data = path.parent / "data"
    before = (data / "agent.sqlite3").read_bytes()
    numbers = ("--people", "50", "--frames", "4", "--photo", str(portrait))

    assert main(["bench", "--json", "--config", str(path), *numbers]) == 0
    reported = json.loads(capsys.readouterr().out)
    assert main(["bench", *numbers]) == 0
    words = capsys.readouterr().out

    steps = {one["name"]: one for one in reported["steps"]}
    assert set(steps) == {
        *("find faces", "describe a face", "1:N match", "numpy product", "picture to decision"),
    }
    assert all(one["runs"] == 4 and 0 < one["p50_ms"] <= one["p99_ms"] for one in steps.values())
    # A decision takes all of it, and what it takes on disk.
    assert steps["picture to decision"]["p50_ms"] > steps["describe a face"]["p50_ms"] / 2
    assert (reported["people_random"], reported["people_held"]) == (50, 1)
    assert reported["ratio"] == pytest.approx(
        steps["numpy product"]["p50_ms"] / steps["1:N match"]["p50_ms"], abs=0.02
    )
    assert reported["machine"]["cores"] >= 1
    assert (data / "agent.sqlite3").read_bytes() == before
    assert not list(data.glob("menjin-bench-*"))
    assert "50 random and 0 held" in words
    assert "times as fast as a numpy product" in words


def test_picture_without_a_face_is_one_sentence(tmp_path: Path, path: Path) -> None:
    plan = SpeedPlan(load_config(path), FakeEngine(), [person_image(0)], 5, 2, tmp_path)

    with pytest.raises(ValueError, match="shows no face"):
        measure_speed(plan)


def test_percentiles_are_runs_that_happened() -> None:
    step = _step("x", [number / 1000 for number in range(101, 0, -1)])

    assert (step.p50_ms, step.p99_ms, step.runs) == (51.0, 100.0, 101)


def test_random_people_are_the_same_each_time_and_of_length_one() -> None:
    vectors = _unit_vectors(100, 32, seed=1)

    assert np.allclose(np.linalg.norm(vectors, axis=1), 1.0)
    assert np.array_equal(vectors, _unit_vectors(100, 32, seed=1))
    assert vectors.dtype == np.float32
