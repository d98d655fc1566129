"""Derivation of fast onnxruntime graphs from a published model.

Two graphs are derived from the file of a manifest and kept beside it:

- *folded*: block-quantised weights become float weights once, weights are no longer inputs of the
  graph, chosen axes get names instead of numbers. The meaning of the model; the yardstick.
- *fast*: the folded graph after the passes of ``_rewrite``, which keep its answers.

Their names carry the digest of the source and the version of the rewriting, and each has a file
beside it with its own SHA-256, checked whenever it is loaded.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from face_engine._files import installed_file, sha256_of, write_atomically
from face_engine._manifest import GraphShape, Manifest
from face_engine._sources import Progress
from face_engine.exceptions import ModelInvalid

if TYPE_CHECKING:
    import onnx

GraphVariant = Literal["folded", "fast"]

REWRITE_VERSION = 3
"""Moves whenever folding or rewriting writes anything else than before."""


def derive_graph(manifest: Manifest, source: Path, progress: Progress | None = None) -> None:
    """Write the folded and the fast graph beside the model file, unless they are intact."""
    if all(_read_derived(derived_path(source, variant)) for variant in ("folded", "fast")):
        return
    import onnx

    from face_engine._rewrite import make_fast

    if progress is not None:
        progress(f"preparing {manifest.name} for onnxruntime")
    if manifest.graph_shape is None:
        raise ModelInvalid(f"{manifest.name} is not a model")
    published = onnx.load(str(source))
    folded = fold(published, manifest.graph_shape)
    _write_derived(derived_path(source, "folded"), folded)
    _write_derived(derived_path(source, "fast"), make_fast(folded, published))


def load_graph(manifest: Manifest, root: Path, variant: GraphVariant) -> bytes:
    """Return a derived graph after checking its digest; derive it again when damaged or absent.

    Args:
        manifest: of the model.
        root: folder of the models.
        variant: which graph.

    Raises:
        ModelMissing, ModelInvalid: when the source is not there or not intact.
    """
    name = manifest.files[0].name
    derived = derived_path(root / manifest.name / name, variant, manifest.files[0].sha256)
    contents = _read_derived(derived)
    if contents is None:
        source = installed_file(manifest, root)
        derive_graph(manifest, source)
        contents = _read_derived(derived)
    if contents is None:
        raise ModelInvalid(f"model {manifest.name} could not be prepared")
    return contents


def derived_path(source: Path, variant: GraphVariant, sha256: str | None = None) -> Path:
    """Where the derived graph of a model file is kept."""
    digest = (sha256 or sha256_of(source))[:8]
    return source.with_name(f"{source.stem}-{digest}-{variant}{REWRITE_VERSION}.onnx")


def fold(model: "onnx.ModelProto", shape: GraphShape) -> "onnx.ModelProto":
    """Fold constant weights, clean the inputs, name the axes.

    Args:
        model: as published; not changed.
        shape: axes that get names.

    Returns:
        A graph with float weights whose answers are those of the published one.
    """
    import onnx

    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    _fold_constants(folded.graph)
    _drop_identities(folded.graph)
    _prune(folded.graph)
    _name_axes(folded.graph, shape)
    onnx.checker.check_model(folded)
    return folded


def dequantise_blocks(
    quantised: NDArray[Any],
    scales: NDArray[np.float32],
    zero_points: NDArray[Any],
    axis: int,
    block_size: int,
) -> NDArray[np.float32]:
    """Compute DequantizeLinear of opset 21 for blocked scales, in float32.

    Args:
        quantised: integers.
        scales, zero_points: shaped like `quantised`, with one entry per block along `axis`.
        axis: along which the blocks lie.
        block_size: numbers per block; the last block may be shorter.
    """
    length = quantised.shape[axis]
    index = np.arange(length) // block_size
    scale = np.take(scales, index, axis=axis)
    zero_point = np.take(zero_points, index, axis=axis).astype(np.int32)
    centred = quantised.astype(np.int32) - zero_point
    folded: NDArray[np.float32] = centred.astype(np.float32) * scale
    return folded


def _fold_constants(graph: "onnx.GraphProto") -> None:
    from onnx import numpy_helper

    constants = {entry.name: numpy_helper.to_array(entry) for entry in graph.initializer}
    kept = []
    for node in graph.node:
        known = bool(node.input) and all(name in constants for name in node.input)
        if node.op_type == "DequantizeLinear" and known:
            constants[node.output[0]] = _dequantised(node, constants)
        elif node.op_type == "Reshape" and known:
            target = [int(side) for side in constants[node.input[1]]]
            constants[node.output[0]] = constants[node.input[0]].reshape(target)
        elif node.op_type == "Constant":
            constants[node.output[0]] = _constant_value(node)
        else:
            kept.append(node)
    used = {name for node in kept for name in node.input}
    tensors = [
        numpy_helper.from_array(np.ascontiguousarray(value), name)
        for name, value in constants.items()
        if name in used
    ]
    _replace(graph.node, kept)
    _replace(graph.initializer, tensors)


def _dequantised(node: "onnx.NodeProto", constants: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    attributes = {entry.name: entry.i for entry in node.attribute}
    quantised, scales, *rest = (constants[name] for name in node.input)
    zero_points = rest[0] if rest else np.zeros_like(scales, dtype=np.int32)
    axis = attributes.get("axis", 1)
    block_size = attributes.get("block_size", 0)
    if block_size:
        return dequantise_blocks(quantised, scales, zero_points, axis, block_size)
    if scales.ndim:
        along = tuple(length if at == axis else 1 for at, length in enumerate(quantised.shape))
        scales, zero_points = scales.reshape(along), zero_points.reshape(along)
    plain: NDArray[np.float32] = (quantised.astype(np.int32) - zero_points).astype(
        np.float32
    ) * scales
    return plain


def _constant_value(node: "onnx.NodeProto") -> NDArray[Any]:
    from onnx import numpy_helper

    for entry in node.attribute:
        if entry.name == "value":
            return np.asarray(numpy_helper.to_array(entry.t))
    raise ModelInvalid(f"constant {node.name} without a tensor")


def _drop_identities(graph: "onnx.GraphProto") -> None:
    """Remove nodes without effect at inference: Identity and Dropout."""
    renamed: dict[str, str] = {}
    kept = []
    for node in graph.node:
        inputs = [renamed.get(name, name) for name in node.input]
        if node.op_type in ("Identity", "Dropout"):
            renamed[node.output[0]] = inputs[0]
            continue
        _replace(node.input, inputs)
        kept.append(node)
    _replace(graph.node, kept)


def _prune(graph: "onnx.GraphProto") -> None:
    """Keep only initializers that are read, and no initializer among the inputs."""
    used = {name for node in graph.node for name in node.input}
    _replace(graph.initializer, [entry for entry in graph.initializer if entry.name in used])
    weights = {entry.name for entry in graph.initializer}
    _replace(graph.input, [entry for entry in graph.input if entry.name in used - weights])
    _replace(graph.value_info, [])


def _name_axes(graph: "onnx.GraphProto", shape: GraphShape) -> None:
    for entry in graph.input:
        for axis, label in shape.symbolic.get(entry.name, {}).items():
            entry.type.tensor_type.shape.dim[axis].dim_param = label
    axis = shape.symbolic_output_axis
    for entry in graph.output:
        entry.type.tensor_type.shape.dim[axis].dim_param = f"{entry.name}_{axis}"


def _replace(field: Any, values: list[Any]) -> None:
    del field[:]
    field.extend(values)


def _write_derived(path: Path, model: "onnx.ModelProto") -> None:
    contents = model.SerializeToString(deterministic=True)
    write_atomically(path, contents)
    digest = hashlib.sha256(contents).hexdigest()
    write_atomically(path.with_suffix(".sha256"), f"{digest}\n".encode())


def _read_derived(path: Path) -> bytes | None:
    digest_path = path.with_suffix(".sha256")
    if not (path.is_file() and digest_path.is_file()):
        return None
    contents = path.read_bytes()
    recorded = digest_path.read_text(encoding="ascii").strip()
    return contents if hashlib.sha256(contents).hexdigest() == recorded else None
