"""Files are whole on their storage before a transaction names them, and every file has an owner."""

import os
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import models, transaction

from server_common.stored_files import file_move, file_owners, file_write
from tests.support.guarded_storage import FileInTransaction
from tests.support.object_storage import SETTINGS

ROOT = Path(__file__).parents[2]
DISK = pytest.param(None, id="disk")
BUCKET = pytest.param(SETTINGS, id="bucket")


@pytest.fixture(params=[DISK, BUCKET])
def storage(request: pytest.FixtureRequest, settings: Any) -> None:
    """Store files on the disk, then in a bucket."""
    if request.param:
        settings.STORAGES = {**settings.STORAGES, "default": request.param}


def new_path() -> str:
    """Return a path that no file has had, in a folder that is not there."""
    return f"trial/{secrets.token_hex(4)}/{secrets.token_hex(4)}.jpg"


def content_of(path: str) -> bytes:
    with default_storage.open(path) as stored:
        return bytes(stored.read())


@pytest.mark.usefixtures("storage")
def test_a_file_is_there_when_it_is_written() -> None:
    path = new_path()

    assert file_write(path, b"a face") == path

    assert content_of(path) == b"a face"


@pytest.mark.usefixtures("storage")
def test_a_moved_file_is_there_once() -> None:
    source, target = file_write(new_path(), b"a face"), new_path()
    # Left by a process that died while it moved the file.
    default_storage.save(target, ContentFile(b"half"))

    assert file_move(source, target) is True
    assert file_move(source, new_path()) is False

    assert content_of(target) == b"a face"
    assert not default_storage.exists(source)


def test_file_and_new_folders_survive_a_loss_of_power(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Path] = []
    sync = os.fsync

    def noted(descriptor: int) -> None:
        kept.append(Path(f"/proc/self/fd/{descriptor}").readlink())
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    path = new_path()
    root = Path(default_storage.path("")).resolve()
    (root / "trial").mkdir(parents=True, exist_ok=True)

    file_write(path, b"1")
    first, kept[:] = list(kept), []
    file_write(f"{path}.later", b"2")

    assert first == [root / path, (root / path).parent, root / "trial"]
    assert kept == [root / f"{path}.later", (root / path).parent]


@pytest.mark.parametrize("storage", [DISK, BUCKET], indirect=True)
@pytest.mark.usefixtures("storage")
@pytest.mark.django_db
def test_the_suite_refuses_files_inside_a_transaction() -> None:
    path = file_write(new_path(), b"outside")  # the test's own transaction does not count

    with transaction.atomic():
        with pytest.raises(FileInTransaction):
            file_write(new_path(), b"inside")
        with pytest.raises(FileInTransaction):
            default_storage.delete(path)

    assert default_storage.exists(path)


@pytest.mark.django_db(transaction=True)
def test_it_refuses_them_where_the_test_has_no_transaction_of_its_own() -> None:
    file_write(new_path(), b"outside")

    with transaction.atomic(), pytest.raises(FileInTransaction):
        file_write(new_path(), b"inside")


def test_files_are_written_in_one_place() -> None:
    """Elsewhere a file could be written inside the transaction that names it."""
    writes = re.compile(r"ContentFile\(|default_storage\.save\(|\.(image|file)\.save\(|storages\[")
    writers = {
        str(path.relative_to(ROOT))
        for folder in ("devices", "faces", "records", "platform")
        for path in (ROOT / folder).rglob("*.py")
        if writes.search(path.read_text())
    }
    assert writers == {"platform/server_common/stored_files.py"}


def test_every_column_that_names_files_has_an_owner() -> None:
    """A file below a folder without an owner would never be counted, nor its loss be noticed."""
    columns = [
        field
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.FileField)
    ]
    roots = {
        field.generate_filename(field.model(), "picture").partition("/")[0] for field in columns
    }
    assert len(columns) >= 3
    assert roots | {"index"} == {owner.root for owner in file_owners()}
