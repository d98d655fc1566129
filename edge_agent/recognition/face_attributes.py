"""Attributes of a face: mask and liveness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge_agent.config import LivenessMode, LookingConfig, MaskMode
from edge_agent.recognition.liveness import Liveness
from edge_agent.recognition.mask import Mask, judge_mask
from edge_agent.recognition.model_slot import FaceClassifier, load_classifier
from face_engine import DetectedFace


@dataclass(frozen=True, slots=True)
class FaceAttributes:
    """Classifiers of mask and liveness.

    Attributes:
        looks_for_masks: whether masks are detected at all, by the heuristic or by `mask_model`.
        mask_model: tells "worn" and "bare".
        liveness_model: tells "live" and "picture".
    """

    looks_for_masks: bool = False
    mask_model: FaceClassifier | None = None
    liveness_model: FaceClassifier | None = None

    def mask(self, image: NDArray[np.uint8], face: DetectedFace) -> Mask:
        """Return whether a mask is worn."""
        if not self.looks_for_masks:
            return Mask.UNKNOWN
        if self.mask_model is None:
            return judge_mask(image, face)
        word, _sure = self.mask_model.classify(image, face)
        return Mask(word) if word in set(Mask) else Mask.UNKNOWN

    def liveness(self, image: NDArray[np.uint8], face: DetectedFace) -> Liveness:
        """Return whether a face is live or a picture of one."""
        if self.liveness_model is None:
            return Liveness.UNKNOWN
        word, _sure = self.liveness_model.classify(image, face)
        return Liveness(word) if word in set(Liveness) else Liveness.UNKNOWN


def load_face_attributes(looking: LookingConfig) -> FaceAttributes:
    """Load the classifiers that the configuration chooses.

    Raises:
        ConfigInvalid: a model of the operator's cannot be used.
    """
    mask_model = liveness_model = None
    if looking.mask is MaskMode.MODEL:
        needs = frozenset({Mask.WORN.value, Mask.BARE.value})
        mask_model = load_classifier(looking.mask_model, key="looking.mask_model", needs=needs)
    if looking.liveness is LivenessMode.MODEL:
        needs = frozenset({Liveness.LIVE.value, Liveness.PICTURE.value})
        liveness_model = load_classifier(
            looking.liveness_model, key="looking.liveness_model", needs=needs
        )
    return FaceAttributes(
        looks_for_masks=looking.mask is not MaskMode.NONE,
        mask_model=mask_model,
        liveness_model=liveness_model,
    )
