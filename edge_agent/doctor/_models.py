"""Check of the face models and the attribute classifiers."""

import time
from pathlib import Path
from typing import Final

from edge_agent.config import ConfigInvalid
from edge_agent.doctor._context import CheckContext
from edge_agent.doctor.findings import Finding
from edge_agent.recognition import load_face_attributes
from face_engine import FaceEngineError

_RUNS: Final = 3
# A visitor at the door is looked at several times before the decision.
_SLOW_MS: Final = 500.0


async def models(context: CheckContext) -> Finding:
    """Check that the models are installed, intact, and fast enough."""
    return await context.blocking(lambda: _models(context))


def _models(context: CheckContext) -> Finding:
    config = context.config
    try:
        # Checks the digest of every file that it reads.
        engine = context.load(Path(config.model_dir).expanduser() if config.model_dir else None)
        spent_s = []
        for _ in range(_RUNS):
            begin_s = time.perf_counter()
            engine.warm_up()
            spent_s.append(time.perf_counter() - begin_s)
        load_face_attributes(config.looking)
    except FaceEngineError as error:
        return Finding.failed("face models", str(error), "They are needed to start")
    except ConfigInvalid as error:
        return Finding.failed("face models", str(error), "Set the section [looking] right")
    best_ms = round(min(spent_s) * 1000, 1)
    summary = f"unchanged, find and describe a face in {best_ms:.0f} ms"
    facts = {"contract_id": engine.contract_id, "look_ms": best_ms}
    if best_ms > _SLOW_MS:
        advice = "Stop what else this computer does, or lower detector_px"
        return Finding.warning("face models", summary, advice, **facts)
    return Finding.ok("face models", summary, **facts)
