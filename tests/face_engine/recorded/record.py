"""Record what the folded, unrewritten graphs answer for the demonstration portraits.

Run from anywhere: ``python tests/face_engine/recorded/record.py``. Writes ``portraits.json``.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from face_engine import DetectedFace, decode_image, install_models, install_portraits
from face_engine._engine import build_engine
from face_engine.assets import model_manifests

TARGET = Path(__file__).with_name("portraits.json")


def record() -> dict[str, Any]:
    """Answers by portrait, and the digests of the models that gave them."""
    engine = build_engine(install_models(print), variant="folded")
    portraits = {}
    for name, path in sorted(install_portraits(print).items()):
        image = decode_image(path.read_bytes())
        faces = engine.detect(image)
        descriptor = engine.describe(image, faces[:1])[0]
        portraits[name] = {
            "faces": [_face(face) for face in faces],
            "descriptor": np.round(descriptor.astype(float), 5).tolist(),
        }
    return {
        "contract_id": engine.contract_id,
        "models": {manifest.name: manifest.files[0].sha256 for manifest in model_manifests()},
        "portraits": portraits,
    }


def _face(face: DetectedFace) -> dict[str, Any]:
    return {
        "box": [round(value, 2) for value in face.box],
        "score": round(face.score, 4),
        "landmarks": np.round(face.landmarks.astype(float), 2).tolist(),
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")
