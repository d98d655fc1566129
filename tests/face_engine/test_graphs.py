"""Folding and rewriting: the same answers from another graph."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from face_engine import FaceEngine, ModelInvalid, decode_image
from face_engine._engine import OnnxFaceEngine, open_session
from face_engine._graphs import dequantise_blocks, derived_path, fold, load_graph
from face_engine._manifest import GraphShape
from face_engine._rewrite import make_fast
from face_engine.assets import model_manifests
from face_engine.base import RgbImage

# The demand on real photos.
LEAST_COSINE = 0.9999


def _model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, NDArray[Any]],
    inputs: dict[str, list[int]],
    output: str,
    opset: int = 21,
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "test",
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in inputs.items()
        ],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return model


def _run(model: onnx.ModelProto, **inputs: NDArray[Any]) -> NDArray[np.float32]:
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    answer: NDArray[np.float32] = session.run(None, inputs)[0]
    return answer


def _operators(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


@settings(max_examples=60, deadline=None)
@given(
    rows=st.integers(1, 4),
    columns=st.integers(1, 40),
    block_size=st.integers(1, 17),
    axis=st.integers(0, 1),
    seed=st.integers(0, 2**32 - 1),
)
def test_blocks_become_floats_as_the_standard_says(
    rows: int, columns: int, block_size: int, axis: int, seed: int
) -> None:
    """Against onnx's own reference evaluator."""
    from onnx.reference import ReferenceEvaluator

    rng = np.random.default_rng(seed)
    shape = (rows, columns) if axis == 1 else (columns, rows)
    blocks = list(shape)
    blocks[axis] = -(-columns // block_size)
    quantised = rng.integers(-128, 128, shape, dtype=np.int8)
    scales = rng.uniform(0.001, 0.1, blocks).astype(np.float32)
    zero_points = rng.integers(-128, 128, blocks, dtype=np.int8)
    node = helper.make_node(
        "DequantizeLinear", ["q", "s", "z"], ["y"], axis=axis, block_size=block_size
    )

    folded = dequantise_blocks(quantised, scales, zero_points, axis, block_size)

    if columns % block_size == 0:
        expected = ReferenceEvaluator(node).run(
            None, {"q": quantised, "s": scales, "z": zero_points}
        )[0]
        assert np.array_equal(folded, expected)
    for place in np.ndindex(*shape):
        block = list(place)
        block[axis] //= block_size
        code = int(quantised[place]) - int(zero_points[tuple(block)])
        assert folded[place] == np.float32(code) * scales[tuple(block)]


def test_folding_leaves_only_real_inputs_and_named_axes(model_dir: Path) -> None:
    detector, descriptor = model_manifests()

    graphs = [
        onnx.load_from_string(load_graph(manifest, model_dir, "folded")).graph
        for manifest in (detector, descriptor)
    ]

    assert [[entry.name for entry in graph.input] for graph in graphs] == [["input"], ["data"]]
    sides = graphs[0].input[0].type.tensor_type.shape.dim
    assert [side.dim_param for side in sides] == ["", "", "height", "width"]
    assert graphs[1].input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    for graph in graphs:
        assert not {"DequantizeLinear", "Dropout", "Constant"} & {
            node.op_type for node in graph.node
        }


def test_rewriting_leaves_no_slow_operator(model_dir: Path) -> None:
    fast = onnx.load_from_string(load_graph(model_manifests()[1], model_dir, "fast"))

    assert not {"PRelu", "BatchNormalization", "Mul", "Gemm"} & set(_operators(fast))


def test_rewritten_descriptors_are_those_of_the_folded_graph(
    engine: FaceEngine, folded_engine: OnnxFaceEngine, portrait_images: dict[str, RgbImage]
) -> None:
    assert isinstance(engine, OnnxFaceEngine)
    chips = [engine.align(image, engine.detect(image)[0]) for image in portrait_images.values()]

    cosines = (engine.describe_chips(chips) * folded_engine.describe_chips(chips)).sum(axis=1)

    assert cosines.min() >= LEAST_COSINE


@pytest.mark.shared_photos
def test_rewritten_descriptors_agree_on_the_evaluation_photos(
    engine: FaceEngine, folded_engine: OnnxFaceEngine, photos_dir: Path
) -> None:
    assert isinstance(engine, OnnxFaceEngine)
    images = [decode_image(path.read_bytes()) for path in (photos_dir / "pairs").glob("*.jpg")]
    chips = [engine.align(image, engine.detect(image)[0]) for image in images]

    cosines = (engine.describe_chips(chips) * folded_engine.describe_chips(chips)).sum(axis=1)

    assert len(chips) >= 25
    assert cosines.min() >= LEAST_COSINE


def test_rewriting_agrees_on_noise_too(model_dir: Path, rng: np.random.Generator) -> None:
    """Raw answers, before their length is taken away; noise reaches slopes that faces do not."""
    manifest = model_manifests()[1]
    chips = rng.integers(0, 255, (3, 3, 112, 112)).astype(np.float32)

    folded, fast = (
        open_session(load_graph(manifest, model_dir, variant)).run(None, {"data": chips})[0]
        for variant in ("folded", "fast")
    )

    assert np.linalg.norm(folded - fast, axis=1) == pytest.approx(
        np.zeros(3), abs=0.005 * float(np.linalg.norm(folded, axis=1).max())
    )


def _network(rng: np.random.Generator, *, with_branch: bool) -> onnx.ModelProto:
    """Factor, convolution, norm, PRelu, depthwise, PRelu, norm, flatten, product, norm."""

    def norm(name: str, channels: int) -> dict[str, NDArray[Any]]:
        parts = {
            "gamma": rng.normal(size=channels),
            "beta": rng.normal(size=channels),
            "mean": rng.normal(size=channels),
            "var": rng.uniform(0.1, 2, channels),
        }
        return {f"{name}_{part}": value.astype(np.float32) for part, value in parts.items()}

    channels, side = 16, 6
    constants: dict[str, NDArray[Any]] = {
        "factor": np.array([0.25], dtype=np.float32),
        "w1": rng.normal(size=(channels, 3, 3, 3)).astype(np.float32),
        "w2": rng.normal(size=(channels, 1, 3, 3)).astype(np.float32),
        "b2": rng.normal(size=channels).astype(np.float32),
        "a1": rng.uniform(-1.5, 1.5, (channels, 1, 1)).astype(np.float32),
        "a2": rng.uniform(-1.5, 1.5, (channels, 1, 1)).astype(np.float32),
        "w3": rng.normal(size=(5, channels * side * side)).astype(np.float32),
        "b3": rng.normal(size=5).astype(np.float32),
        **norm("n1", channels),
        **norm("n2", channels),
        **norm("n3", 5),
    }

    def batch_norm(name: str, source: str, target: str) -> onnx.NodeProto:
        names = [f"{name}_{part}" for part in ("gamma", "beta", "mean", "var")]
        return helper.make_node("BatchNormalization", [source, *names], [target], epsilon=1e-3)

    nodes = [
        helper.make_node("Mul", ["x", "factor"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "w1"], ["c1"], pads=[1, 1, 1, 1]),
        batch_norm("n1", "c1", "c1n"),
        helper.make_node("PRelu", ["c1n", "a1"], ["p1"]),
        helper.make_node("Conv", ["p1", "w2", "b2"], ["c2"], pads=[1] * 4, group=channels),
        helper.make_node("PRelu", ["c2", "a2"], ["p2"]),
    ]
    source = "p2"
    if with_branch:
        # Somebody else reads the first PRelu, so its sign may not be changed.
        nodes.append(helper.make_node("Add", ["p1", "p2"], ["sum"]))
        source = "sum"
    nodes += [
        batch_norm("n2", source, "p2n"),
        helper.make_node("Flatten", ["p2n"], ["flat"]),
        helper.make_node("Gemm", ["flat", "w3", "b3"], ["g"], transB=1),
        batch_norm("n3", "g", "y"),
    ]
    return _model(nodes, constants, {"x": [1, 3, side, side]}, "y")


@pytest.mark.parametrize("with_branch", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_any_network_of_this_kind_keeps_its_answers(seed: int, with_branch: bool) -> None:
    rng = np.random.default_rng(seed)
    model = _network(rng, with_branch=with_branch)
    picture = rng.normal(size=(1, 3, 6, 6)).astype(np.float32)

    fast = make_fast(model, model)

    assert "PRelu" not in _operators(fast)
    expected = _run(model, x=picture)
    assert _run(fast, x=picture) == pytest.approx(expected, rel=1e-3, abs=1e-3)


def test_a_network_without_anything_to_rewrite_stays_as_it_is() -> None:
    model = _model([helper.make_node("Relu", ["x"], ["y"])], {}, {"x": [1, 4]}, "y")

    assert _operators(make_fast(model, model)) == ["Relu"]


def test_products_published_in_8_bits_keep_their_weights() -> None:
    rng = np.random.default_rng(5)
    rows, columns, block_size = 4, 64, 16
    blocks = (rows, columns // block_size)
    constants = {
        "q": rng.integers(-128, 128, (rows, columns), dtype=np.int8),
        "s": rng.uniform(0.01, 0.02, blocks).astype(np.float32),
        "z": rng.integers(-20, 20, blocks, dtype=np.int8),
        "b": rng.normal(size=rows).astype(np.float32),
    }
    published = _model(
        [
            helper.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1, block_size=16),
            helper.make_node("Gemm", ["x", "w", "b"], ["y"], transB=1),
        ],
        constants,
        {"x": [1, columns]},
        "y",
    )
    folded = fold(published, GraphShape(symbolic={}, symbolic_output_axis=0))
    row = rng.normal(size=(1, columns)).astype(np.float32)

    fast = make_fast(folded, published)

    assert _operators(fast) == ["MatMulNBits"]
    expected = _run(folded, x=row)
    assert _run(fast, x=row) == pytest.approx(expected, rel=0.02, abs=0.02)


def test_derived_graphs_are_checked_and_made_again(tmp_path: Path, model_dir: Path) -> None:
    manifest = model_manifests()[0]
    name = manifest.files[0].name
    source = tmp_path / manifest.name / name
    source.parent.mkdir()
    source.write_bytes((model_dir / manifest.name / name).read_bytes())
    intact = load_graph(manifest, tmp_path, "fast")
    derived = derived_path(source, "fast")
    derived.write_bytes(intact[:-1] + bytes([intact[-1] ^ 1]))

    again = load_graph(manifest, tmp_path, "fast")

    assert again == intact
    assert derived.read_bytes() == intact


def test_a_damaged_model_is_refused(tmp_path: Path) -> None:
    manifest = model_manifests()[0]
    source = tmp_path / manifest.name / manifest.files[0].name
    source.parent.mkdir()
    source.write_bytes(b"no model")

    with pytest.raises(ModelInvalid, match="digest"):
        load_graph(manifest, tmp_path, "fast")
