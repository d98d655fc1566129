"""How much faster does the rewriting make one descriptor on one thread?

Yardstick: plain onnxruntime with its default optimisation on the folded, unrewritten graph. Both
get the aligned faces of the demonstration portraits, one at a time: real faces, since the time of
PRelu depends on what it reads. Quality beside speed: the cosine between both answers. Between the
two, ``exact`` is the rewriting without the step that keeps 8-bit weights.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from _report import (
    conclude,
    measure_in_turns,
    print_table,
    rounds,
    standard_arguments,
    start_again_on_one_thread,
    stay_on_one_core,
)
from numpy.typing import NDArray

from face_engine import decode_image, install_models, install_portraits
from face_engine._engine import build_engine, open_session
from face_engine._graphs import load_graph
from face_engine._rewrite import make_fast
from face_engine.assets import model_manifests

DEMANDED = 2.0
LEAST_COSINE = 0.9999


def main() -> int:
    """Run the benchmark; exit code 1 when the rewriting is not fast or not exact enough."""
    arguments = standard_arguments(__doc__.split("\n", 1)[0], repeats=200).parse_args()
    start_again_on_one_thread()
    repeats, warm_up = rounds(arguments)
    folder = install_models(print)
    blobs = _chips(folder)
    descriptor = model_manifests()[1]
    folded_graph = load_graph(descriptor, folder, "folded")
    folded_model = onnx.load_from_string(folded_graph)
    # Given nothing published in 8 bits, the rewriting keeps floats.
    exact_graph = make_fast(folded_model, folded_model).SerializeToString()
    graphs = {
        "folded": folded_graph,
        "exact": exact_graph,
        "fast": load_graph(descriptor, folder, "fast"),
    }
    sessions = {name: open_session(graph, threads=1) for name, graph in graphs.items()}
    print(stay_on_one_core())

    def run(session: Any) -> Callable[[int], object]:
        return lambda turn: session.run(None, {"data": blobs[turn % len(blobs)]})

    timings = measure_in_turns(
        {name: run(session) for name, session in sessions.items()},
        repeats=repeats,
        warm_up=warm_up,
        seed=arguments.seed,
    )

    rows = {
        name: _unit(np.concatenate([session.run(None, {"data": blob})[0] for blob in blobs]))
        for name, session in sessions.items()
    }
    cosines = {name: float((rows["folded"] * row).sum(axis=1).min()) for name, row in rows.items()}
    print_table(
        ["graph", "min ms", "median ms", "p90 ms", "ratio", "least cosine"],
        [
            [
                timing.name,
                f"{timing.percentile_ms(0):.2f}",
                f"{timing.median_ms:.2f}",
                f"{timing.percentile_ms(90):.2f}",
                f"{timings[0].median_ms / timing.median_ms:.2f}",
                f"{cosines[timing.name]:.7f}",
            ]
            for timing in timings
        ],
    )
    code = conclude(
        arguments,
        name="descriptor",
        ratio=timings[0].median_ms / timings[-1].median_ms,
        demanded=DEMANDED,
        outcome={
            "timings": {timing.name: timing.summary() for timing in timings},
            "least_cosine": cosines,
            "faces": len(blobs),
        },
    )
    return code if min(cosines.values()) >= LEAST_COSINE else 1


def _chips(folder: Path) -> list[NDArray[np.float32]]:
    """Aligned faces of the portraits, each (1, 3, 112, 112) float32."""
    engine = build_engine(folder)
    blobs = []
    for path in install_portraits(print).values():
        image = decode_image(path.read_bytes())
        chip = engine.align(image, engine.detect(image)[0])
        blobs.append(chip.transpose(2, 0, 1)[None].astype(np.float32))
    return blobs


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    exact = rows.astype(np.float64)
    lengths = np.linalg.norm(exact, axis=1, keepdims=True)
    units: NDArray[np.float64] = exact / lengths
    return units


if __name__ == "__main__":
    sys.exit(main())
