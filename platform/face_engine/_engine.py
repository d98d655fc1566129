"""Face engine on onnxruntime, and the only place that loads it."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from face_engine import assets
from face_engine._alignment import align_face
from face_engine._detector import CLOSE_UPS_MOST, YunetDetector
from face_engine._graphs import GraphVariant, load_graph
from face_engine._manifest import DescriptorTraits, Manifest
from face_engine.base import Descriptor, DetectedFace, FaceEngine, InferenceSession, RgbImage
from face_engine.exceptions import ModelInvalid

# Faces described in one run of the network; more in one picture are done in turns, so that a
# photograph of a crowd cannot take all memory.
_BATCH = 32


class OnnxFaceEngine:
    """Detector and descriptor on onnxruntime's CPU provider."""

    def __init__(
        self,
        detector: YunetDetector,
        descriptor_session: InferenceSession,
        manifest: Manifest,
    ) -> None:
        if manifest.descriptor is None or manifest.graph_input is None:
            raise ModelInvalid(f"{manifest.name} is not a descriptor")
        self._detector = detector
        self._session = descriptor_session
        self._input = manifest.graph_input
        self._traits: DescriptorTraits = manifest.descriptor
        self._contract_id = contract_id(manifest)

    @property
    def contract_id(self) -> str:
        """See `FaceEngine.contract_id`."""
        return self._contract_id

    @property
    def dimension(self) -> int:
        """See `FaceEngine.dimension`."""
        return self._traits.dimension

    @property
    def threshold(self) -> float:
        """See `FaceEngine.threshold`."""
        return self._traits.threshold

    def detect(self, image: RgbImage, *, size: int = 320) -> list[DetectedFace]:
        """See `FaceEngine.detect`."""
        return self._detector.detect(_checked(image), size)

    def align(self, image: RgbImage, face: DetectedFace) -> RgbImage:
        """Return the aligned chip of a face for the descriptor network."""
        traits = self._traits
        return align_face(_checked(image), face.landmarks, traits.template, traits.chip_px)

    def describe(self, image: RgbImage, faces: Sequence[DetectedFace]) -> NDArray[np.float32]:
        """See `FaceEngine.describe`."""
        return self.describe_chips([self.align(image, face) for face in faces])

    def describe_chips(self, chips: Sequence[RgbImage]) -> NDArray[np.float32]:
        """Descriptors of chips that are aligned already.

        Args:
            chips: each (chip_px, chip_px, 3) uint8 RGB.

        Returns:
            (len(chips), dimension) float32, each row of length 1.
        """
        rows = np.empty((len(chips), self.dimension), dtype=np.float32)
        for start in range(0, len(chips), _BATCH):
            batch = np.stack(chips[start : start + _BATCH])
            colours = batch[..., ::-1] if self._input.colour == "BGR" else batch
            blob = np.ascontiguousarray(colours.transpose(0, 3, 1, 2), dtype=np.float32)
            if (self._input.mean, self._input.scale) != (0.0, 1.0):
                blob = (blob - self._input.mean) * self._input.scale
            raw = self._session.run(None, {self._input.name: blob})[0]
            lengths = np.linalg.norm(raw, axis=1, keepdims=True)
            rows[start : start + len(batch)] = raw / np.maximum(lengths, 1e-12)
        return rows

    def largest_descriptor(self, image: RgbImage) -> Descriptor | None:
        """See `FaceEngine.largest_descriptor`."""
        faces = self.detect(image)
        return self.describe(image, faces[:1])[0] if faces else None

    def warm_up(self) -> None:
        """See `FaceEngine.warm_up`.

        Raises:
            ModelInvalid: when the network answers in another shape than its manifest says.
        """
        side = self._traits.chip_px
        self.detect(np.full((320, 320, 3), 127, dtype=np.uint8))
        blank = np.full((1, 3, side, side), 127.0, dtype=np.float32)
        answer = self._session.run(None, {self._input.name: blank})[0]
        if answer.shape != (1, self.dimension) or not np.isfinite(answer).all():
            raise ModelInvalid(f"{self._contract_id} answers with shape {answer.shape}")


def contract_id(manifest: Manifest) -> str:
    """Return the identifier of a model's descriptors; see `FaceEngine.contract_id`."""
    if manifest.descriptor is None:
        raise ModelInvalid(f"{manifest.name} is not a descriptor")
    words = [word for word in (manifest.name, manifest.variant) if word]
    return f"{'-'.join([*words, manifest.files[0].sha256[:8]])}/{manifest.descriptor.alignment}"


def open_session(graph: bytes, *, threads: int = 1, optimised: bool = True) -> InferenceSession:
    """An onnxruntime session on the CPU.

    Args:
        graph: a serialised model.
        threads: threads inside one run.
        optimised: False switches onnxruntime's own graph optimisation off.
    """
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not optimised:
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session: InferenceSession = ort.InferenceSession(
        graph, sess_options=options, providers=["CPUExecutionProvider"]
    )
    return session


def build_engine(
    model_dir: Path | None = None,
    *,
    threads: int = 1,
    variant: GraphVariant = "fast",
    close_ups_most: int = CLOSE_UPS_MOST,
) -> OnnxFaceEngine:
    """Build an engine without sharing it; programs use `load_engine`.

    Args:
        model_dir: folder of the models; the cache by default.
        threads: threads inside one run of a network.
        variant: ``folded`` runs the models as published, which is slower; for comparisons.
        close_ups_most: see `YunetDetector`.

    Raises:
        ModelMissing, ModelInvalid: when the models are not installed or not intact.
    """
    root = model_dir or assets.models_dir()
    detector, descriptor = assets.model_manifests()
    if detector.detector is None or detector.graph_input is None:
        raise ModelInvalid(f"{detector.name} is not a detector")
    return OnnxFaceEngine(
        YunetDetector(
            open_session(load_graph(detector, root, variant), threads=threads),
            detector.detector,
            detector.graph_input,
            close_ups_most=close_ups_most,
        ),
        open_session(load_graph(descriptor, root, variant), threads=threads),
        descriptor,
    )


_engines: dict[tuple[Path, int], OnnxFaceEngine] = {}
_lock = threading.Lock()


def load_engine(model_dir: Path | None = None, *, threads: int = 1) -> FaceEngine:
    """The engine of this process, warm; loaded at the first call, shared by all later ones.

    Args:
        model_dir: folder of the models; the cache by default.
        threads: threads inside one run of a network. One is right for servers that answer many
            requests at once.

    Raises:
        ModelMissing: when the models are not installed.
        ModelInvalid: when they are not what their manifests say.
    """
    key = ((model_dir or assets.models_dir()).resolve(), threads)
    with _lock:
        if key not in _engines:
            engine = build_engine(key[0], threads=threads)
            engine.warm_up()
            _engines[key] = engine
        return _engines[key]


def _drop_engines() -> None:
    """After a fork: sessions own threads, which do not live on in the child."""
    global _lock
    _lock = threading.Lock()
    _engines.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_drop_engines)


def _checked(image: NDArray[Any]) -> RgbImage:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise ValueError(f"not an RGB picture: {image.dtype} {image.shape}")
    return image
