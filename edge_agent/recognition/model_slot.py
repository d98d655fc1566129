"""Image classifier of the operator's own: an ONNX file with a manifest beside it.

A folder with ``manifest.toml``::

    file = "mask.onnx"
    sha256 = "…"                       # of that file; another file is refused
    width = 112                        # input, (1, 3, height, width) float32
    height = 112
    colours = "RGB"                    # or "BGR"
    mean = [0.0, 0.0, 0.0]             # subtracted from 0…255, in the order of `colours`
    scale = [255.0, 255.0, 255.0]      # then divided by
    margin = 0.2                       # of the face's box, added on each side
    classes = ["bare", "worn"]         # of the output, (1, classes): logits or probabilities
    softmax = true                     # whether the output is logits
    least = 0.8                        # a class less probable than this is "unknown"
"""

import hashlib
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from edge_agent.config import ConfigInvalid
from face_engine import DetectedFace

UNKNOWN: Final = "unknown"
_MANIFEST: Final = "manifest.toml"
_KEYS: Final = frozenset(
    {"file", "sha256", "width", "height", "colours", "mean", "scale", "margin"}
    | {"classes", "softmax", "least"}
)


class _Session(Protocol):
    def run(self, names: None, feeds: dict[str, NDArray[np.float32]]) -> list[Any]: ...


@dataclass(frozen=True, slots=True)
class SlotManifest:
    """Contents of ``manifest.toml``; see the module."""

    file: str
    sha256: str
    width: int
    height: int
    classes: tuple[str, ...]
    colours: str = "RGB"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    scale: tuple[float, ...] = (255.0, 255.0, 255.0)
    margin: float = 0.0
    softmax: bool = True
    least: float = 0.8


class FaceClassifier:
    """A classifier of faces; used from one thread at a time."""

    def __init__(self, manifest: SlotManifest, session: _Session, input_name: str) -> None:
        self._manifest = manifest
        self._session = session
        self._input = input_name

    def classify(self, image: NDArray[np.uint8], face: DetectedFace) -> tuple[str, float]:
        """Return the class of a face.

        Args:
            image: (height, width, 3) uint8, RGB.
            face: where in it.

        Returns:
            One of the manifest's classes, or `UNKNOWN`, and the probability of the likeliest one.
        """
        manifest = self._manifest
        picture = _cut(image, face, manifest.margin).resize((manifest.width, manifest.height))
        values = np.asarray(picture, dtype=np.float32)
        if manifest.colours == "BGR":
            values = values[:, :, ::-1]
        mean, scale = (np.asarray(one, dtype=np.float32) for one in (manifest.mean, manifest.scale))
        scaled: NDArray[np.float32] = ((values - mean) / scale).astype(np.float32)
        feed = np.ascontiguousarray(scaled.transpose(2, 0, 1)[None])
        scores = np.asarray(self._session.run(None, {self._input: feed})[0], np.float64).ravel()
        if scores.shape != (len(manifest.classes),) or not np.isfinite(scores).all():
            return UNKNOWN, 0.0
        if manifest.softmax:
            scores = np.exp(scores - scores.max())
            scores /= scores.sum()
        best = int(scores.argmax())
        sure = float(scores[best])
        return (manifest.classes[best] if sure >= manifest.least else UNKNOWN), sure


def load_classifier(folder: Path, *, key: str, needs: frozenset[str]) -> FaceClassifier:
    """Load the classifier of a slot.

    Args:
        folder: where manifest and model are.
        key: of the configuration, for errors.
        needs: classes that the model must tell apart, at least.

    Raises:
        ConfigInvalid: with one sentence that names the key and what is wrong.
    """
    manifest = _manifest(folder, key, needs)
    path = folder / manifest.file
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigInvalid(f"{key}: {path} cannot be read: {error.strerror}") from error
    if hashlib.sha256(raw).hexdigest() != manifest.sha256.lower():
        raise ConfigInvalid(f"{key}: {path.name} is not the file of the manifest (SHA-256)")
    import onnxruntime  # only doors with such a model need the seconds this takes

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        # The runtime's own classes of errors are not public; whatever it says, it is this file.
        raise ConfigInvalid(f"{key}: {path.name} is no model that can be run") from error
    return FaceClassifier(manifest, session, session.get_inputs()[0].name)


def _manifest(folder: Path, key: str, needs: frozenset[str]) -> SlotManifest:
    path = folder / _MANIFEST
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigInvalid(f"{key}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigInvalid(f"{key}: {path} is not TOML") from error
    if unknown := set(table) - _KEYS:
        raise ConfigInvalid(f"{key}: {path.name}: {sorted(unknown)[0]}: unknown key")
    values: dict[str, Any] = {
        name: tuple(one) if isinstance(one, list) else one for name, one in table.items()
    }
    try:
        manifest = SlotManifest(**values)
    except TypeError as error:
        raise ConfigInvalid(
            f"{key}: {path.name}: file, sha256, sizes or classes missing"
        ) from error
    is_sound = (
        "/" not in manifest.file
        and manifest.colours in {"RGB", "BGR"}
        and all(
            isinstance(one, int) and 1 <= one <= 1024 for one in (manifest.width, manifest.height)
        )
        and len(manifest.mean) == len(manifest.scale) == 3
        and all(manifest.scale)
        and 0.0 <= manifest.margin <= 2.0
        and 0.0 <= manifest.least <= 1.0
    )
    if not is_sound:
        raise ConfigInvalid(f"{key}: {path.name}: a value is out of range")
    if missing := needs - set(manifest.classes):
        raise ConfigInvalid(f"{key}: {path.name}: classes: {sorted(missing)[0]} is missing")
    return manifest


def _cut(image: NDArray[np.uint8], face: DetectedFace, margin: float) -> Image.Image:
    left, top, width, height = face.box
    box = (
        round(left - margin * width),
        round(top - margin * height),
        round(left + (1 + margin) * width),
        round(top + (1 + margin) * height),
    )
    # Pillow fills with black what lies beyond the picture.
    return Image.fromarray(image).crop(
        (box[0], box[1], max(box[2], box[0] + 1), max(box[3], box[1] + 1))
    )
