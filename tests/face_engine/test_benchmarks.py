"""The benchmarks still work; how fast, their own runs say."""

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


def _run(script: str, *arguments: str) -> str:
    outcome = subprocess.run(
        [sys.executable, BENCHMARKS / script, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return outcome.stdout


@pytest.mark.parametrize(
    "script",
    [
        "bench_descriptor.py",
        "bench_photo_to_identity.py",
        "bench_picture_decode.py",
        "bench_picture_memory.py",
        "measure_faces.py",
    ],
)
def test_help_says_what_is_asked(script: str) -> None:
    text = _run(script, "--help")

    assert "?" in text.split("options:")[0]
    assert "--quick" in text


@pytest.mark.slow
def test_the_descriptor_benchmark_runs(model_dir: Path, tmp_path: Path) -> None:
    """Neither speed nor ratio: a busy machine must not fail the suite."""
    text = _run("bench_descriptor.py", "--quick", "--results", str(tmp_path))

    assert "ratio: " in text
    assert "machine: " in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read as Linux tells it")
def test_the_benchmark_of_pictures_memory_runs(tmp_path: Path) -> None:
    reported = _run(
        "bench_picture_memory.py", "--quick", "--only", "png", "--results", str(tmp_path)
    )

    assert "png-49-mpx-palette" in reported
    assert "machine: " in reported
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_benchmark_of_pictures_speed_runs(tmp_path: Path) -> None:
    """Against today's decoder: the earlier commit is not in every copy of the repository."""
    reported = _run(
        "bench_picture_decode.py", "--quick", "--before", "HEAD", "--results", str(tmp_path)
    )

    assert "phone's JPEG, 12 Mpx, turned" in reported
    assert "ratio: " in reported
    assert list(tmp_path.iterdir()) == []
