"""Rewriting of a folded graph for fast inference with equal results.

On the CPU onnxruntime keeps convolutions, their sums and Relu in a blocked layout in which they
run close to the peak of the machine. PRelu has no blocked form: before each one the data is
brought back to the plain layout, after it blocked again, and PRelu itself is slow. In SFace that
is half of the time. So, with ``a`` the slope of a channel:

- a scalar factor moves into the weights of the convolution behind it;
- batch normalisation moves into the weights of the convolution or matrix product before it;
- ``PRelu(x) = -((a - 1) * relu(-x) + -x)``: the convolution that made x gets negated weights and
  so makes n = -x, a channel-wise convolution of size 1 multiplies relu(n) by a - 1, onnxruntime
  adds n in the same pass, and the minus sign moves into the weights of the convolutions behind;
- ``PRelu(x) = a * x + (1 - a) * relu(x)`` where the neighbours do not allow that, with a batch
  normalisation behind it taken in;
- a matrix product with one row at a time does nothing but read its weights. Where they were
  published in 8 bits they stay so, exactly; what is multiplied is rounded to 8 bits per block.

The first four are exact arithmetic, computed in float64 and rounded to float32 once. The last one
moves a descriptor by a cosine of about 0.000002. Slopes may have any value; those of SFace lie
between -0.81 and 1.12, so neither a maximum nor LeakyRelu would do. Measured effect of each step:
docs/faces.md, "Speed".
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx


_CONTRIB_DOMAIN = "com.microsoft"
# MatMulNBits: 4 lets onnxruntime round what is multiplied to 8 bits, per block of a row; the other
# levels turn the weights into floats at every run, which is slower than having them as floats.
_ROUND_TO_8_BITS = 4
_SMALLEST_BLOCK = 16


def make_fast(folded: "onnx.ModelProto", published: "onnx.ModelProto") -> "onnx.ModelProto":
    """The graph that is run.

    Args:
        folded: with constant weights and no inputs but the real ones; not changed.
        published: what it was folded from, for the weights in 8 bits.

    Returns:
        A graph with the same inputs, outputs and answers.
    """
    import onnx
    from onnx import helper

    editor = _Editor(folded.graph)
    _fold_factors(editor)
    _keep_quantised_products(editor, _Editor(published.graph))
    _fold_batch_norms(editor)
    _replace_prelus(editor)
    fast = onnx.ModelProto()
    fast.CopyFrom(folded)
    editor.write_to(fast.graph)
    if any(node.domain == _CONTRIB_DOMAIN for node in editor.nodes):
        fast.opset_import.append(helper.make_opsetid(_CONTRIB_DOMAIN, 1))
    onnx.checker.check_model(fast)
    return fast


class _Editor:
    """Editor of a graph's nodes and constants, with lookups of producers and consumers."""

    def __init__(self, graph: "onnx.GraphProto") -> None:
        import onnx
        from onnx import numpy_helper

        self.nodes: list[onnx.NodeProto] = []
        for node in graph.node:
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            self.nodes.append(copy)
        self.constants: dict[str, NDArray[Any]] = {
            entry.name: numpy_helper.to_array(entry) for entry in graph.initializer
        }
        self._outputs = {entry.name for entry in graph.output}

    def maker(self, tensor: str) -> "onnx.NodeProto | None":
        """The node that makes a tensor."""
        return next((node for node in self.nodes if tensor in node.output), None)

    def readers(self, tensor: str) -> "list[onnx.NodeProto]":
        """The nodes that read a tensor."""
        return [node for node in self.nodes if tensor in node.input]

    def only_reader(self, tensor: str) -> "onnx.NodeProto | None":
        """Return the only node that reads a tensor, unless the tensor is an output."""
        readers = self.readers(tensor)
        return readers[0] if len(readers) == 1 and tensor not in self._outputs else None

    def constant(self, name: str) -> NDArray[np.float64]:
        """A constant in float64."""
        return self.constants[name].astype(np.float64)

    def weights(self, node: "onnx.NodeProto") -> NDArray[np.float64]:
        """Weights of a Conv or Gemm in float64."""
        return self.constant(node.input[1])

    def bias(self, node: "onnx.NodeProto", length: int) -> NDArray[np.float64]:
        """Return the bias of a Conv or Gemm in float64, zeros when it has none."""
        if len(node.input) < 3:
            return np.zeros(length)
        return np.broadcast_to(self.constant(node.input[2]), (length,))

    def set_weights(
        self,
        node: "onnx.NodeProto",
        weights: NDArray[np.float64],
        bias: NDArray[np.float64] | None = None,
    ) -> None:
        """Replace the weights of a Conv or Gemm, and the bias unless None."""
        name = f"{node.output[0]}_weights"
        self.constants[name] = weights.astype(np.float32)
        node.input[1] = name
        if bias is not None:
            name = f"{node.output[0]}_bias"
            self.constants[name] = bias.astype(np.float32)
            del node.input[2:]
            node.input.append(name)

    def bypass(self, node: "onnx.NodeProto") -> None:
        """Remove a node whose output equals its first input."""
        for reader in self.readers(node.output[0]):
            for position, name in enumerate(reader.input):
                if name == node.output[0]:
                    reader.input[position] = node.input[0]
        self.nodes.remove(node)

    def take_over(self, node: "onnx.NodeProto", later: "onnx.NodeProto") -> None:
        """Remove the following node and let this one produce its output.

        The tensor keeps the later name, since that may be an output of the graph.
        """
        self.nodes.remove(later)
        node.output[0] = later.output[0]

    def is_output(self, tensor: str) -> bool:
        """Whether a tensor is an output of the graph."""
        return tensor in self._outputs

    def write_to(self, graph: "onnx.GraphProto") -> None:
        """Write the nodes and the constants they read into a graph."""
        from onnx import numpy_helper

        used = {name for node in self.nodes for name in node.input}
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(
            numpy_helper.from_array(value, name)
            for name, value in self.constants.items()
            if name in used
        )


def _fold_factors(editor: _Editor) -> None:
    for node in [node for node in editor.nodes if node.op_type == "Mul"]:
        factor = editor.constants.get(node.input[1])
        reader = editor.only_reader(node.output[0])
        if factor is None or factor.size != 1 or reader is None or reader.op_type != "Conv":
            continue
        editor.set_weights(reader, editor.weights(reader) * float(factor.reshape(-1)[0]))
        editor.bypass(node)


def _keep_quantised_products(editor: _Editor, published: _Editor) -> None:
    """Matrix products whose weights were published in blocks of 8 bits go back to those."""
    from onnx import helper

    for node in [node for node in editor.nodes if node.op_type == "Gemm"]:
        quantised = _quantised_rows(node, editor, published)
        if quantised is None:
            continue
        names = [f"{node.output[0]}_{part}" for part in ("codes", "scales", "zero_points", "bias")]
        parts = (quantised.codes, quantised.scales, quantised.zero_points)
        editor.constants.update(zip(names[:3], parts, strict=True))
        rows, blocks, block_size = quantised.codes.shape
        editor.constants[names[3]] = editor.bias(node, rows).astype(np.float32)
        product = helper.make_node(
            "MatMulNBits",
            [node.input[0], *names[:3], "", names[3]],
            list(node.output),
            domain=_CONTRIB_DOMAIN,
            K=blocks * block_size,
            N=rows,
            bits=8,
            block_size=block_size,
            accuracy_level=_ROUND_TO_8_BITS,
        )
        editor.nodes[editor.nodes.index(node)] = product


@dataclass(frozen=True, slots=True)
class _QuantisedRows:
    """Weights for MatMulNBits: (code - zero point) * scale, per block of a row.

    Attributes:
        codes: (rows, blocks, block size) uint8.
        scales: (rows, blocks) float32.
        zero_points: (rows, blocks) uint8.
    """

    codes: NDArray[np.uint8]
    scales: NDArray[np.float32]
    zero_points: NDArray[np.uint8]


def _quantised_rows(
    gemm: "onnx.NodeProto", editor: _Editor, published: _Editor
) -> _QuantisedRows | None:
    """Return the 8-bit weights of a Gemm, None where it was not published like that."""
    source = published.maker(gemm.input[1])
    if source is None or source.op_type != "DequantizeLinear" or len(source.input) != 3:
        return None
    if _integer(gemm, "transB") != 1 or _integer(source, "axis") != 1:
        return None
    block_size = _integer(source, "block_size")
    codes, scales, zero_points = (published.constants[name] for name in source.input)
    is_fit = codes.dtype == np.int8 and codes.ndim == 2 and block_size >= _SMALLEST_BLOCK
    if not is_fit or codes.shape[1] % block_size or block_size & (block_size - 1):
        return None
    # onnxruntime wants unsigned codes; moving codes and zero points alike changes nothing.
    rows = codes.shape[0]
    return _QuantisedRows(
        codes=(codes.astype(np.int16) + 128).astype(np.uint8).reshape(rows, -1, block_size),
        scales=scales,
        zero_points=(zero_points.astype(np.int16) + 128).astype(np.uint8),
    )


def _fold_batch_norms(editor: _Editor) -> None:
    for node in [node for node in editor.nodes if node.op_type == "BatchNormalization"]:
        maker = editor.maker(node.input[0])
        is_private = editor.only_reader(node.input[0]) is node
        if maker is not None and is_private and maker.op_type in ("Conv", "Gemm", "MatMulNBits"):
            _scale_outputs(editor, maker, *_gain_and_shift(editor, node))
            editor.take_over(maker, node)


def _replace_prelus(editor: _Editor) -> None:
    for node in [node for node in editor.nodes if node.op_type == "PRelu"]:
        slope = editor.constants.get(node.input[1])
        if slope is None or slope.ndim != 3 or slope.size != slope.shape[0]:
            continue
        slopes = slope.reshape(-1).astype(np.float64)
        maker = editor.maker(node.input[0])
        is_private = editor.only_reader(node.input[0]) is node
        if (
            maker is not None
            and maker.op_type == "Conv"
            and is_private
            and _feeds_convs(editor, node.output[0])
        ):
            _scale_outputs(editor, maker, np.full(slopes.size, -1.0), np.zeros(slopes.size))
            for reader in editor.readers(node.output[0]):
                editor.set_weights(reader, -editor.weights(reader))
            _put_sum(editor, node, [_Term(slopes - 1.0)], [node.input[0]])
            continue
        gain, shift = np.ones(slopes.size), np.zeros(slopes.size)
        norm = editor.only_reader(node.output[0])
        if norm is not None and norm.op_type == "BatchNormalization":
            gain, shift = _gain_and_shift(editor, norm)
            editor.take_over(node, norm)
        terms = [_Term(gain * (1.0 - slopes)), _Term(gain * slopes, shift, is_rectified=False)]
        _put_sum(editor, node, terms, [])


@dataclass(frozen=True, slots=True)
class _Term:
    """factors * relu(x) + shift, or without the relu; per channel."""

    factors: NDArray[np.float64]
    shift: NDArray[np.float64] | None = None
    is_rectified: bool = True


def _put_sum(editor: _Editor, node: "onnx.NodeProto", terms: list[_Term], more: list[str]) -> None:
    """Replace a node that reads x by the sum of terms of x and of further tensors."""
    from onnx import helper

    source, target = node.input[0], node.output[0]
    made = [helper.make_node("Relu", [source], [f"{target}_relu"])]
    summands = []
    for position, term in enumerate(terms):
        name, read = f"{target}_term{position}", f"{target}_relu" if term.is_rectified else source
        conv = helper.make_node(
            "Conv", [read, ""], [name], group=term.factors.size, kernel_shape=[1, 1]
        )
        editor.set_weights(conv, term.factors.reshape(-1, 1, 1, 1), term.shift)
        made.append(conv)
        summands.append(name)
    made.append(helper.make_node("Add", [*summands, *more], [target]))
    place = editor.nodes.index(node)
    editor.nodes[place : place + 1] = made


def _feeds_convs(editor: _Editor, tensor: str) -> bool:
    """Return whether only convolutions read a tensor as data, so that they can negate it."""
    readers = editor.readers(tensor)
    return (
        bool(readers)
        and not editor.is_output(tensor)
        and all(
            reader.op_type == "Conv" and list(reader.input).index(tensor) == 0 for reader in readers
        )
    )


def _scale_outputs(
    editor: _Editor,
    node: "onnx.NodeProto",
    gain: NDArray[np.float64],
    shift: NDArray[np.float64],
) -> None:
    """Make a Conv, Gemm or MatMulNBits answer gain * y + shift, per channel."""
    if node.op_type == "MatMulNBits":
        scales, bias = node.input[2], node.input[5]
        scaled = editor.constant(scales) * gain[:, None]
        editor.constants[scales] = scaled.astype(np.float32)
        moved = editor.constant(bias) * gain + shift
        editor.constants[bias] = moved.astype(np.float32)
        return
    weights = editor.weights(node)
    along = gain.reshape(-1, *[1] * (weights.ndim - 1))
    bias_values = editor.bias(node, gain.size)
    editor.set_weights(node, weights * along, bias_values * gain + shift)


def _gain_and_shift(
    editor: _Editor, node: "onnx.NodeProto"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A batch normalisation at run time: gain * x + shift, per channel."""
    gamma, beta, mean, variance = (editor.constant(name) for name in node.input[1:5])
    epsilon = next((entry.f for entry in node.attribute if entry.name == "epsilon"), 1e-5)
    gain = gamma / np.sqrt(variance + epsilon)
    return gain, beta - mean * gain


def _integer(node: "onnx.NodeProto", name: str) -> int:
    """Return an integer attribute of a node, 0 when it is absent."""
    return next((int(entry.i) for entry in node.attribute if entry.name == name), 0)
