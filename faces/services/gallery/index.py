"""Search of a face (1:N) in this process's copy of a site's gallery."""

import logging
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from django.conf import settings
from django.core.files.storage import default_storage
from numpy.typing import NDArray

from face_engine import FaissIndex, ImageUnreadable, IndexInvalid, similarity_from_cosine
from faces.models import FaceDescriptor, Gallery, GalleryRemoval, Person
from faces.services.gallery.engine import engine
from faces.services.gallery.galleries import INDEX_PURPOSE, descriptor_unseal, gallery_of
from faces.services.pictures import PictureOrigin, picture_decode, picture_hold
from server_common.crypto import Unsealable, unseal
from server_common.process_state import forgets

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A person a face might be; ``cosine`` −1 … 1, greater is closer."""

    person: Person
    cosine: float


@dataclass(slots=True)
class _Copy:
    """This process's index of one gallery, at one revision, based on one published file."""

    gallery_id: int
    index: FaissIndex
    revision: int = 0
    base: str = ""
    checked_at: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


_copies_lock = threading.Lock()
_copies: dict[tuple[int, str], _Copy] = {}


def identify(*, site_id: int, vector: NDArray[np.float32], count: int = 5) -> list[Candidate]:
    """Return the closest people of a site, best first, each once by their closest photo.

    Args:
        site_id: whose gallery to search.
        vector: L2-normalised descriptor, shape (dimension,), of the model in use.
        count: at most this many people.
    """
    copy = _copy_of(site_id)
    with copy.lock:
        _refresh(copy)
        scores, ids = copy.index.search(vector[np.newaxis, :].astype(np.float32), count * 3)
    found = [
        (int(key), float(score)) for key, score in zip(ids[0], scores[0], strict=True) if key >= 0
    ]
    # The database has the last word: an erased person is no candidate, whatever a copy holds.
    people = {
        row.pk: row.photo.person
        for row in FaceDescriptor.objects.filter(pk__in=[key for key, _ in found]).select_related(
            "photo__person"
        )
    }
    best: dict[int, Candidate] = {}
    for key, score in found:
        person = people.get(key)
        if person is not None and person.pk not in best:
            best[person.pk] = Candidate(person=person, cosine=score)
    return list(best.values())[:count]


def identify_photo(*, site_id: int, raw: bytes, count: int = 5) -> dict[str, Any]:
    """Return who the largest face of a picture might be; nothing is stored.

    Returns:
        ``faces`` (how many are in the picture), ``problems`` and ``candidates`` with user id,
        name, similarity 0–100 and whether it is a match at the model's threshold. A candidate
        below ``IDENTIFY_FLOOR`` has neither ID nor name: a stranger's picture names no residents.

    Raises:
        face_engine.ImageUnreadable: the picture cannot be decoded; ImageTooHeavy: it is too large.
        face_engine.PicturesBusy: too many pictures are being looked at.
        face_engine.ModelMissing: the models are not installed.
    """
    with picture_hold(PictureOrigin.UPLOAD) as hold:
        decoded = picture_decode(raw, hold, decoded_most=settings.UPLOAD_PICTURE_BYTES)
        if not decoded.is_whole:
            raise ImageUnreadable("truncated")
        image = decoded.pixels
        hold.keep(image.nbytes)
        model = engine()
        found = model.detect(image)
        if not found:
            return {"faces": 0, "problems": ["no_face"], "candidates": []}
        vector = model.describe(image, found[:1])[0]
    return {
        "faces": len(found),
        "problems": [],
        "candidates": [
            _candidate(one, threshold=model.threshold)
            for one in identify(site_id=site_id, vector=vector, count=count)
        ],
    }


def _candidate(candidate: Candidate, *, threshold: float) -> dict[str, Any]:
    similarity = similarity_from_cosine(candidate.cosine, threshold=threshold)
    is_named = similarity >= settings.IDENTIFY_FLOOR
    return {
        "user_id": candidate.person.user_id if is_named else None,
        "name": candidate.person.name if is_named else None,
        "similarity": similarity,
        "is_match": candidate.cosine >= threshold,
    }


def forget_copies() -> None:
    """Drop this process's copies; the next search loads them anew."""
    with _copies_lock:
        _copies.clear()


forgets(forget_copies)


def _copy_of(site_id: int) -> _Copy:
    contract_id = engine().contract_id
    with _copies_lock:
        known = _copies.get((site_id, contract_id))
    if known is not None:
        return known
    gallery = gallery_of(site_id=site_id, contract_id=contract_id)
    fresh = _Copy(gallery_id=gallery.pk, index=FaissIndex(engine().dimension))
    with _copies_lock:
        return _copies.setdefault((site_id, contract_id), fresh)


def _refresh(copy: _Copy) -> None:
    now = time.monotonic()
    if copy.base and now - copy.checked_at < settings.GALLERY_CHECK_SECONDS:
        return
    gallery = Gallery.objects.get(pk=copy.gallery_id)
    if gallery.published_path != copy.base or copy.revision < gallery.removals_from:
        _load(copy, gallery)
    if gallery.revision != copy.revision:
        _apply(copy, gallery.revision)
    copy.checked_at = now


def _load(copy: _Copy, gallery: Gallery) -> None:
    index = FaissIndex(engine().dimension)
    revision = 0
    if gallery.published_path:
        try:
            with default_storage.open(gallery.published_path) as stored:
                index = FaissIndex.from_bytes(unseal(stored.read(), purpose=INDEX_PURPOSE))
            revision = gallery.published_revision
        except (OSError, Unsealable, IndexInvalid):
            # Disposable: without the file everything is read from the database, only slower.
            logger.exception("index_file_unreadable gallery=%s", gallery.pk)
    copy.index, copy.revision, copy.base = index, revision, gallery.published_path


def _apply(copy: _Copy, revision: int) -> None:
    window = {"gallery_id": copy.gallery_id, "revision__gt": copy.revision}
    window["revision__lte"] = revision
    left = list(GalleryRemoval.objects.filter(**window).values_list("descriptor_id", flat=True))
    joined = list(FaceDescriptor.objects.filter(**window).values_list("pk", "sealed"))
    # One that joined anew under the same row (a model run again) must not be there twice.
    gone = np.array([*left, *(key for key, _ in joined)], dtype=np.int64)
    if len(gone):
        copy.index.remove(gone)
    if joined:
        copy.index.add(
            np.array([key for key, _ in joined], dtype=np.int64),
            np.stack([descriptor_unseal(sealed) for _, sealed in joined]),
        )
    copy.revision = revision
