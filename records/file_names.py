"""Which files of pictures rows name (``server_common.stored_files``)."""

from collections.abc import Sequence

from django.db.models import Q

from faces.selectors import files_marked_for_deletion
from records.models import WAITING_ROOT, Picture
from server_common.stored_files import FileOwner, files_owned_by

_SHA256 = 64


def own_files() -> None:
    """Register who names pictures; those that wait for approval have a sweep of their own."""
    files_owned_by(FileOwner("records", _pictures, frozenset({WAITING_ROOT})))


def _pictures(paths: Sequence[str]) -> set[str]:
    """Return named paths, by the index of contents: names of files begin with their content's."""
    by_site: dict[int, list[str]] = {}
    odd: list[str] = []
    for path in paths:
        parts = path.split("/")
        if len(parts) == 4 and parts[1].isdecimal() and len(parts[3]) > _SHA256:
            by_site.setdefault(int(parts[1]), []).append(parts[3][:_SHA256])
        else:
            odd.append(path)
    wanted = Q(image__in=odd)
    for site_id, contents in by_site.items():
        wanted |= Q(site_id=site_id, sha256__in=contents)
    named = set(Picture.objects.filter(wanted).values_list("image", flat=True))
    return named.intersection(paths) | files_marked_for_deletion(paths)
