"""Which files of faces and indexes rows name (``server_common.stored_files``)."""

from collections.abc import Sequence

from faces.models import FacePhoto, Gallery
from faces.selectors import files_marked_for_deletion
from server_common.stored_files import FileOwner, files_owned_by


def own_files() -> None:
    """Register who names photos and indexes; a file marked for deletion is named by its mark."""
    files_owned_by(FileOwner("faces", _photos))
    files_owned_by(FileOwner("index", _indexes))


def _photos(paths: Sequence[str]) -> set[str]:
    photos = FacePhoto.objects.filter(image__in=paths).values_list("image", flat=True)
    return {*photos, *files_marked_for_deletion(paths)}


def _indexes(paths: Sequence[str]) -> set[str]:
    galleries = Gallery.objects.filter(published_path__in=paths)
    return {*galleries.values_list("published_path", flat=True), *files_marked_for_deletion(paths)}
