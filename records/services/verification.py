"""The platform's own look at the picture of a pass: is this really the claimed person?

1:1 against every accepted photo of the claimed person, and 1:N in the site's gallery to tell
"somebody else is clearly closer" from "bad picture".
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from devices.choices import Verification
from face_engine import ModelMissing, RgbImage, similarity_from_cosine
from faces.models import FaceDescriptor, Person
from faces.services import descriptor_unseal, engine, identify
from records.choices import VerificationResult

logger = logging.getLogger(__name__)

# Another person must be this much closer (cosine) than the claimed one to overrule a match that
# is above the threshold; half the gap between genuine and impostor pairs (DESIGN, "Faces").
_MARGIN = 0.08


@dataclass(frozen=True, slots=True)
class Verified:
    """What the look said.

    Attributes:
        result: see ``VerificationResult``.
        score: similarity 0–100 to the claimed person's closest photo, None without a comparison.
        trace: scores, threshold, closest other person and milliseconds, for the record.
        fault: word for the record's faults when the recogniser could not run.
    """

    result: VerificationResult
    score: float | None = None
    trace: dict[str, Any] = field(default_factory=dict)
    fault: str | None = None


def verify(*, policy: str, site_id: int, person: Person | None, image: RgbImage | None) -> Verified:
    """Compare a picture with the claimed person.

    Args:
        policy: the site's ``Verification``; off compares nothing.
        site_id: whose gallery to search for somebody closer.
        person: the claimed person, None when nobody of that user id is on file.
        image: (h, w, 3) uint8 RGB, None when there is no readable picture.
    """
    if policy == Verification.OFF:
        return Verified(VerificationResult.OFF)
    if image is None:
        return Verified(VerificationResult.NO_FACE)
    started = time.perf_counter()
    try:
        vector = engine().largest_descriptor(image)
    except ModelMissing:
        logger.warning("verification_unavailable models are not installed")
        return Verified(VerificationResult.OFF, fault="verification_unavailable")
    trace: dict[str, Any] = {"describe_ms": round((time.perf_counter() - started) * 1000, 1)}
    if vector is None:
        return Verified(VerificationResult.NO_FACE, trace=trace)
    references = _references(person)
    if person is None or not len(references):
        return Verified(VerificationResult.NO_REFERENCE, trace=trace)
    cosine = float(np.max(references @ vector))
    started = time.perf_counter()
    other = next(
        (
            candidate
            for candidate in identify(site_id=site_id, vector=vector, count=3)
            if candidate.person.pk != person.pk
        ),
        None,
    )
    trace |= {
        "search_ms": round((time.perf_counter() - started) * 1000, 1),
        "model": engine().contract_id,
        "cosine": round(cosine, 4),
        "threshold": round(engine().threshold, 4),
        "closest_other": None
        if other is None
        else {"user_id": other.person.user_id, "cosine": round(other.cosine, 4)},
    }
    is_match = cosine >= engine().threshold and not (other and other.cosine > cosine + _MARGIN)
    return Verified(
        VerificationResult.MATCH if is_match else VerificationResult.MISMATCH,
        score=similarity_from_cosine(cosine, threshold=engine().threshold),
        trace=trace,
    )


def _references(person: Person | None) -> np.ndarray[Any, np.dtype[np.float32]]:
    if person is None:
        return np.empty((0, 0), dtype=np.float32)
    sealed = FaceDescriptor.objects.filter(
        photo__person=person, gallery__contract_id=engine().contract_id
    ).values_list("sealed", flat=True)
    vectors = [descriptor_unseal(value) for value in sealed]
    return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)
