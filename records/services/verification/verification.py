"""Verification: is the picture of a pass really of the claimed person.

1:1 against every accepted photo of the claimed person, and 1:N in the site's gallery to tell
"another person is clearly closer" from "bad picture". A face of which a manager said that it is not
the claimed person's is refused when it is closer than the person's own photos.
"""

import logging
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from devices.choices import Verification
from face_engine import ModelMissing, RgbImage, similarity_from_cosine
from faces.models import FaceDescriptor, Person
from faces.services import Candidate, descriptor_unseal, engine, identify
from records.choices import VerificationResult
from records.models import FaceNegative

logger = logging.getLogger(__name__)

# Another person must be this much closer (cosine) than the claimed one to overrule a match that
# is above the threshold; half the gap between genuine and impostor pairs (DESIGN, "Faces").
_MARGIN = 0.08


_RESULTS = {"match": VerificationResult.MATCH, "incomplete": VerificationResult.NO_FACE}


@dataclass(frozen=True, slots=True)
class Verified:
    """What the look said.

    Attributes:
        result: see ``VerificationResult``.
        score: similarity 0–100 to the claimed person's closest photo, None without a comparison.
        trace: scores, threshold, closest other person and what settled it, for the record.
        ms: milliseconds by step.
        fault: word for the record's faults when the recogniser could not run.
        is_photo_on_file: the picture is an accepted photo of the claimed person, sent back.
    """

    result: VerificationResult
    score: float | None = None
    trace: dict[str, Any] = field(default_factory=dict)
    ms: dict[str, float] = field(default_factory=dict)
    fault: str | None = None
    is_photo_on_file: bool = False


@dataclass(frozen=True, slots=True)
class _Negative:
    """The closest face of which a manager said that it is not the claimed person's."""

    row: FaceNegative
    cosine: float


def verify(
    *,
    policy: str,
    site_id: int,
    person: Person | None,
    image: RgbImage | None,
    is_whole: bool = True,
) -> Verified:
    """Compare a picture with the claimed person.

    Args:
        policy: the site's ``Verification``; off compares nothing.
        site_id: whose gallery to search for a closer person.
        person: the claimed person, None when no person of that user id is on file.
        image: (h, w, 3) uint8 RGB, None when there is no readable picture.
        is_whole: every row of it is there. A face with a part missing may be recognised, but says
            nothing against any person.
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
    except Exception:
        # The border to the models' runtime: the record is kept whatever it makes of a picture.
        logger.exception("verification_failed")
        return Verified(VerificationResult.OFF, fault="verification_unavailable")
    ms = {"describe": elapsed_ms(started)}
    if vector is None:
        return Verified(VerificationResult.NO_FACE, ms=ms)
    if person is None:
        return Verified(VerificationResult.NO_REFERENCE, ms=ms)
    return _compared(site_id, person, vector, ms, is_whole=is_whole)


def _compared(
    site_id: int,
    person: Person,
    vector: NDArray[np.float32],
    ms: dict[str, float],
    *,
    is_whole: bool,
) -> Verified:
    started = time.perf_counter()
    negative = _closest_negative(person, vector)
    references = reference_vectors(person_id=person.pk)
    if not len(references):
        return _without_reference(negative if is_whole else None, ms)
    cosine = float(np.max(references @ vector))
    other = _closest_other(site_id, person, vector)
    verdict = _verdict(cosine, other, negative)
    if verdict != "match" and not is_whole:
        verdict = "incomplete"
    return Verified(
        _RESULTS.get(verdict, VerificationResult.MISMATCH),
        score=similarity_from_cosine(cosine, threshold=engine().threshold),
        trace={
            **_model_trace(negative),
            "verdict": verdict,
            "cosine": round(cosine, 4),
            "margin": round(cosine - engine().threshold, 4),
            "other_must_lead_by": _MARGIN,
            "closest_other": None
            if other is None
            else {"user_id": other.person.user_id, "cosine": round(other.cosine, 4)},
        },
        ms=ms | {"search": elapsed_ms(started)},
    )


def elapsed_ms(started: float) -> float:
    """Return the milliseconds since a moment of ``time.perf_counter``."""
    return round((time.perf_counter() - started) * 1000, 1)


def _verdict(cosine: float, other: Candidate | None, negative: _Negative | None) -> str:
    if negative is not None and negative.cosine > cosine:
        return "negative"
    if cosine < engine().threshold:
        return "below_threshold"
    return "closer_other" if other and other.cosine > cosine + _MARGIN else "match"


def _without_reference(negative: _Negative | None, ms: dict[str, float]) -> Verified:
    """Refuse a face known to be another person's, though there is no photo to compare with."""
    known = negative is not None and negative.cosine >= engine().threshold
    return Verified(
        VerificationResult.MISMATCH if known else VerificationResult.NO_REFERENCE,
        trace={**_model_trace(negative), "verdict": "negative" if known else "no_reference"},
        ms=ms,
    )


def _model_trace(negative: _Negative | None) -> dict[str, Any]:
    return {
        "model": engine().contract_id,
        "threshold": round(engine().threshold, 4),
        "negative": None
        if negative is None
        else {
            "id": negative.row.pk,
            "record": negative.row.record_id,
            "cosine": round(negative.cosine, 4),
        },
    }


def _closest_other(site_id: int, person: Person, vector: NDArray[np.float32]) -> Candidate | None:
    found = identify(site_id=site_id, vector=vector, count=3)
    return next((one for one in found if one.person.pk != person.pk), None)


def _closest_negative(person: Person, vector: NDArray[np.float32]) -> _Negative | None:
    rows = FaceNegative.objects.filter(person=person, contract_id=engine().contract_id)
    found = [_Negative(row, float(descriptor_unseal(row.sealed) @ vector)) for row in rows]
    return max(found, key=lambda one: one.cosine, default=None)


def reference_vectors(*, person_id: int) -> NDArray[np.float32]:
    """Return the descriptors of a person's accepted photos, shape (n, dimension); n may be 0."""
    sealed = FaceDescriptor.objects.filter(
        photo__person_id=person_id, gallery__contract_id=engine().contract_id
    ).values_list("sealed", flat=True)
    vectors = [descriptor_unseal(value) for value in sealed]
    return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)
