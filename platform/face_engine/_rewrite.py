"""Rewriting a folded graph so that onnxruntime runs it fast and answers the same."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def make_fast(folded: "onnx.ModelProto") -> "onnx.ModelProto":
    """The graph that is run; answers like `folded`, which is not changed."""
    import onnx

    fast = onnx.ModelProto()
    fast.CopyFrom(folded)
    return fast
