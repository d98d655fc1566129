"""The gallery of a site: what joins, what leaves, and its published index (decision 0006).

Database rows are the truth. An index file is a sealed snapshot at one revision; each process
keeps its own copy in memory and brings it up to date by what joined and left since.
"""

import logging
import secrets
from collections.abc import Sequence

import numpy as np
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from numpy.typing import NDArray

from face_engine import FaissIndex
from faces.models import FaceDescriptor, FacePhoto, FileToDelete, Gallery, GalleryRemoval
from faces.services.gallery.engine import engine
from server_common.crypto import seal, unseal
from server_common.on_commit import enqueue_on_commit
from server_common.stored_files import file_write, trash_copies

logger = logging.getLogger(__name__)

DESCRIPTOR_PURPOSE = "faces.descriptor"
INDEX_PURPOSE = "faces.index"
_BATCH = 2000


def descriptor_seal(vector: NDArray[np.float32]) -> bytes:
    """Seal one L2-normalised descriptor, shape (dimension,), as little-endian float32."""
    return seal(np.ascontiguousarray(vector, dtype="<f4").tobytes(), purpose=DESCRIPTOR_PURPOSE)


def descriptor_unseal(sealed: bytes | memoryview) -> NDArray[np.float32]:
    """Open what ``descriptor_seal`` made."""
    return np.frombuffer(unseal(bytes(sealed), purpose=DESCRIPTOR_PURPOSE), dtype="<f4").astype(
        np.float32
    )


def gallery_of(*, site_id: int, contract_id: str | None = None) -> Gallery:
    """Return the site's gallery under a model, the one in use unless told otherwise."""
    contract_id = contract_id or engine().contract_id
    gallery, _ = Gallery.objects.get_or_create(site_id=site_id, contract_id=contract_id)
    return gallery


def gallery_add(*, photo: FacePhoto, vector: NDArray[np.float32], contract_id: str) -> None:
    """Let a photo's descriptor join its site's gallery, inside the caller's transaction.

    Effects: every process finds it at its next look, at most ``GALLERY_CHECK_SECONDS`` later.
    """
    gallery = _next_revision(gallery_of(site_id=photo.person.site_id, contract_id=contract_id))
    FaceDescriptor.objects.update_or_create(
        photo=photo,
        gallery=gallery,
        defaults={"sealed": descriptor_seal(vector), "revision": gallery.revision},
    )


def gallery_remove(*, photos: Sequence[FacePhoto]) -> None:
    """Let the descriptors of these photos leave, inside the caller's transaction."""
    leaving = list(FaceDescriptor.objects.filter(photo__in=photos).order_by("gallery_id"))
    for gallery in Gallery.objects.filter(pk__in={row.gallery_id for row in leaving}).order_by(
        "pk"
    ):
        gallery = _next_revision(gallery)
        GalleryRemoval.objects.bulk_create(
            GalleryRemoval(gallery=gallery, descriptor_id=row.pk, revision=gallery.revision)
            for row in leaving
            if row.gallery_id == gallery.pk
        )
    FaceDescriptor.objects.filter(pk__in=[row.pk for row in leaving]).delete()


def _next_revision(gallery: Gallery) -> Gallery:
    # Serialises changes of one gallery until commit, so revisions commit in order.
    locked = Gallery.objects.select_for_update().get(pk=gallery.pk)
    locked.revision += 1
    locked.save(update_fields=["revision"])
    return locked


def gallery_rebuild_request(*, site_id: int) -> None:
    """Queue a rebuild of a site's index."""
    enqueue_on_commit("faces.tasks.gallery_rebuild", gallery_id=gallery_of(site_id=site_id).pk)


def gallery_rebuild(*, gallery_id: int) -> int:
    """Build a gallery's index from the database, publish it, and return how many faces it holds.

    The file is complete before the row names it, and the row changes in one statement: a process
    that reads either sees the old index or the new one. Safe to run twice and at once.
    """
    gallery = Gallery.objects.get(pk=gallery_id)
    revision = gallery.revision
    # A descriptor that leaves meanwhile does so at a later revision, which readers apply.
    index = FaissIndex(engine().dimension)
    last = 0
    while True:
        rows = list(
            FaceDescriptor.objects.filter(gallery=gallery, pk__gt=last, revision__lte=revision)
            .order_by("pk")[:_BATCH]
            .values_list("pk", "sealed")
        )
        if not rows:
            break
        index.add(
            np.array([key for key, _ in rows], dtype=np.int64),
            np.stack([descriptor_unseal(sealed) for _, sealed in rows]),
        )
        last = rows[-1][0]
    path = file_write(
        f"index/{gallery.pk}/{revision}-{secrets.token_hex(8)}.sealed",
        seal(index.to_bytes(), purpose=INDEX_PURPOSE),
    )
    if not _publish(gallery_id=gallery_id, revision=revision, path=path, size=len(index)):
        # Nothing but this call has known its name, and the row has been seen to name another.
        default_storage.delete(path)
    logger.info("gallery_rebuilt gallery=%s revision=%s faces=%s", gallery_id, revision, len(index))
    return len(index)


@transaction.atomic
def _publish(*, gallery_id: int, revision: int, path: str, size: int) -> bool:
    # Serialises two rebuilds at once; the older snapshot steps back.
    gallery = Gallery.objects.select_for_update().get(pk=gallery_id)
    if revision < gallery.published_revision:
        return False
    # One generation of removals is kept for processes that are still on the file before.
    keep_from = gallery.published_revision
    GalleryRemoval.objects.filter(gallery=gallery, revision__lte=keep_from).delete()
    if gallery.published_path:
        files_mark_for_deletion([gallery.published_path])
    Gallery.objects.filter(pk=gallery_id).update(
        published_revision=revision,
        published_path=path,
        published_size=size,
        published_at=timezone.now(),
        removals_from=keep_from,
    )
    return True


def files_mark_for_deletion(paths: Sequence[str]) -> None:
    """Have stored files deleted after commit; the rows outlive a crash in between."""
    FileToDelete.objects.bulk_create(
        [FileToDelete(path=path) for path in paths if path], ignore_conflicts=True
    )
    enqueue_on_commit("faces.tasks.files_erase")


def files_erase() -> int:
    """Delete files marked for deletion from the storage and return how many went; safe to repeat.

    They do not go through the trash, and what of them is there goes as well: it came there while no
    row named them, as after a restored database.
    """
    erased = 0
    rows = list(FileToDelete.objects.order_by("attempts", "pk")[:500])
    trashed = trash_copies(row.path for row in rows)
    for row in rows:
        try:
            for path in (*trashed.get(row.path, ()), row.path):
                default_storage.delete(path)
        except OSError:
            logger.exception("file_erase_failed file=%s", row.pk)
            FileToDelete.objects.filter(pk=row.pk).update(attempts=F("attempts") + 1)
        else:
            row.delete()
            erased += 1
    return erased
