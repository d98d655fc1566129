"""A classifier that the operator brings: real ONNX, made here, and every way to get it wrong."""

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.recognition.model_slot import UNKNOWN, FaceClassifier, load_classifier
from face_engine import DetectedFace

FACE = DetectedFace((10.0, 10.0, 40.0, 40.0), 0.9, np.zeros((5, 2), dtype=np.float32))
NEEDS = frozenset({"bare", "worn"})


def brightness_model(path: Path) -> str:
    """Write a model whose second class is the mean brightness and whose first is its opposite."""
    mean = helper.make_node("ReduceMean", ["picture"], ["mean"], axes=[1, 2, 3], keepdims=1)
    flat = helper.make_node("Reshape", ["mean", "shape"], ["bright"])
    dark = helper.make_node("Neg", ["bright"], ["dark"])
    both = helper.make_node("Concat", ["dark", "bright"], ["scores"], axis=1)
    graph = helper.make_graph(
        [mean, flat, dark, both],
        "brightness",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 8, 6])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2])],
        [helper.make_tensor("shape", TensorProto.INT64, [2], [1, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def slot(tmp_path: Path) -> Path:
    digest = brightness_model(tmp_path / "mask.onnx")
    (tmp_path / "manifest.toml").write_text(
        f'file = "mask.onnx"\nsha256 = "{digest}"\nwidth = 6\nheight = 8\ncolours = "BGR"\n'
        "mean = [127.5, 127.5, 127.5]\nscale = [25.5, 25.5, 25.5]\n"
        'classes = ["bare", "worn"]\nleast = 0.8\n'
    )
    return tmp_path


def loaded(slot: Path) -> FaceClassifier:
    return load_classifier(slot, key="looking.mask_model", needs=NEEDS)


@pytest.mark.parametrize(("level", "word"), [(20, "bare"), (230, "worn"), (128, UNKNOWN)])
def test_the_model_has_its_say(slot: Path, level: int, word: str) -> None:
    image = np.full((60, 60, 3), level, dtype=np.uint8)

    reported, sure = loaded(slot).classify(image, FACE)

    assert reported == word
    assert (sure >= 0.8) == (word != UNKNOWN)


def test_a_face_at_the_edge_is_cut_all_the_same(slot: Path) -> None:
    image = np.full((60, 60, 3), 230, dtype=np.uint8)
    edge = DetectedFace((-30.0, -30.0, 70.0, 0.2), 0.9, FACE.landmarks)

    assert loaded(slot).classify(image, edge)[0] in {"bare", "worn", UNKNOWN}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('file = "mask.onnx"', 'file = "other.onnx"', "cannot be read"),
        ('file = "mask.onnx"', 'file = "../mask.onnx"', "out of range"),
        ("width = 6", "width = 0", "out of range"),
        ("width = 6", 'width = "6"', "out of range"),
        ("least = 0.8", "least = 0.8\ncolour = 1", "colour: unknown key"),
        ('"BGR"', '"YUV"', "out of range"),
        ('"worn"', '"covered"', "worn is missing"),
        ("width = 6\n", "", "missing"),
        ("width = 6", "width = ", "is not TOML"),
        ("25.5]", "0.0]", "out of range"),
    ],
)
def test_a_wrong_manifest_is_refused_with_one_sentence(
    slot: Path, old: str, new: str, words: str
) -> None:
    path = slot / "manifest.toml"
    path.write_text(path.read_text().replace(old, new, 1))

    with pytest.raises(ConfigInvalid, match=rf"^looking\.mask_model: .*{words}"):
        loaded(slot)


def test_another_file_is_refused(slot: Path) -> None:
    with (slot / "mask.onnx").open("ab") as file:
        file.write(b"\0")

    with pytest.raises(ConfigInvalid, match=r"SHA-256"):
        loaded(slot)


def test_a_file_that_is_no_model_is_refused(slot: Path) -> None:
    (slot / "mask.onnx").write_bytes(b"no model")
    digest = hashlib.sha256(b"no model").hexdigest()
    path = slot / "manifest.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("sha256")]
    path.write_text("\n".join([*lines, f'sha256 = "{digest}"']))

    with pytest.raises(ConfigInvalid, match=r"no model that can be run"):
        loaded(slot)
