"""What importing the package costs, and what it must never bring in."""

import subprocess
import sys

import face_engine


def _loaded(program: str, names: list[str]) -> list[str]:
    """Which of the modules a fresh interpreter has after running a program."""
    check = f"{program}\nimport sys\nprint(*[n for n in {names!r} if n in sys.modules])"
    outcome = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=True
    )
    return outcome.stdout.split()


def test_importing_loads_no_framework_and_nothing_heavy() -> None:
    names = ["django", "onnxruntime", "onnx", "faiss", "cv2", "pillow_heif"]

    assert _loaded("import face_engine", names) == []


def test_an_index_in_numpy_needs_no_faiss() -> None:
    program = "import face_engine; face_engine.NumpyIndex(4)"

    assert _loaded(program, ["faiss", "onnxruntime"]) == []


def test_a_loaded_engine_knows_no_django_and_no_opencv(model_dir: object) -> None:
    program = (
        f"import face_engine, pathlib; face_engine.load_engine(pathlib.Path({str(model_dir)!r}))"
    )

    assert _loaded(program, ["django", "faiss", "cv2", "onnx", "onnxruntime"]) == ["onnxruntime"]


def test_everything_promised_is_there() -> None:
    assert [name for name in face_engine.__all__ if not hasattr(face_engine, name)] == []
