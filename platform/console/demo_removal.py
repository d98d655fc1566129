"""Closing the demonstration to the network, and erasing it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.files.storage import default_storage
from django.db import connection, models, transaction

from console.demo import ADMIN_FILE
from devices.models import AuditEntry, Site, Terminal
from devices.selectors import demonstration_site
from devices.services import site_change, site_erase
from faces.models import FileToDelete, Gallery, Holiday, Library, Person, TimePlan
from faces.services import files_erase, site_people_erase
from records.models import Alert, Record
from records.services import site_records_erase
from server_common.stored_files import trash_days, trash_files, trash_path


@dataclass(frozen=True, slots=True)
class Removed:
    """What was erased; ``files_left`` could not be deleted and are tried again by the schedule."""

    site: str
    people: int
    records: int
    files_left: int


def demo_close() -> Site | None:
    """End automatic admission and the bare path of the demonstration; None without one.

    Its own terminal goes on: it is approved and calls under the secret address.
    """
    site = demonstration_site()
    if site is None:
        return None
    return site_change(site=site, auto_approve=False, allow_bare_path=False)


def demo_remove(*, folder: Path) -> Removed:
    """Erase the demonstration's site with everything in it, and its files; safe to repeat.

    People entered there go too. What stays is the administrator, with the
    password in ``folder``. Nothing may serve meanwhile.

    Args:
        folder: of the demonstration, with its terminal's data and pictures.
    """
    site = demonstration_site()
    removed = Removed("", 0, 0, 0)
    if site is not None:
        folders = _media_folders(site)
        removed = _site_erase(site)
        _trash_clear(folders)
        for stored in (Path(default_storage.path(folder)) for folder in folders):
            # Files that no row named, such as those of a process that died while it stored one.
            if stored.is_dir():
                shutil.rmtree(stored)
    while files_erase():
        pass
    _folder_clear(folder)
    if connection.vendor == "sqlite":
        # Deleted rows stay in the file's free pages, and in its log, until they are overwritten.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Removed(removed.site, removed.people, removed.records, FileToDelete.objects.count())


@transaction.atomic
def _site_erase(site: Site) -> Removed:
    key = site.pk
    _log_erase(site)
    records = site_records_erase(site=site)
    people = site_people_erase(site=site)
    site_erase(site=site)
    AuditEntry.objects.filter(site_id=key).delete()
    return Removed(site.name, people, records, 0)


def _media_folders(site: Site) -> list[str]:
    galleries = Gallery.objects.filter(site=site).values_list("pk", flat=True)
    return [f"records/{site.pk}", *(f"index/{pk}" for pk in galleries)]


def _trash_clear(folders: list[str]) -> None:
    """Delete from the trash what lay in these folders."""
    below = tuple(f"{folder}/" for folder in folders)
    for day in trash_days():
        for path in trash_files(day):
            if path.startswith(below):
                default_storage.delete(trash_path(day, path))


def _log_erase(site: Site) -> None:
    """Erase what the admin's history says of the site's rows: it names people."""
    owned: list[type[models.Model]] = [
        Terminal, Person, Library, TimePlan, Holiday, Alert, Record,
    ]  # fmt: skip
    for model in owned:
        ids = model._default_manager.filter(site=site).values_list("pk", flat=True)
        _history_erase(model, [str(pk) for pk in ids.iterator()])
    _history_erase(Site, [str(site.pk)])


def _history_erase(model: type[models.Model], ids: list[str]) -> None:
    kind = ContentType.objects.get_for_model(model)
    for start in range(0, len(ids), 500):
        LogEntry.objects.filter(content_type=kind, object_id__in=ids[start : start + 500]).delete()


def _folder_clear(folder: Path) -> None:
    if not folder.is_dir():
        return
    for inside in folder.iterdir():
        if inside.name == ADMIN_FILE:
            continue
        if inside.is_dir() and not inside.is_symlink():
            shutil.rmtree(inside)
        else:
            inside.unlink()
