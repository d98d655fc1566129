"""A storage that is no disk: a bucket of named objects, as far as the platform uses one."""

import io
from typing import Any, Final

from django.core.files.base import File
from django.core.files.storage import Storage

from tests.support.guarded_storage import refuse_in_transaction

SETTINGS: Final = {"BACKEND": "tests.support.object_storage.ObjectStorage"}


class ObjectStorage(Storage):
    """Objects by name, without folders and paths; a name that is taken is overwritten.

    Attributes:
        objects: content by name.
    """

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        if name not in self.objects:
            raise FileNotFoundError(name)
        return File(io.BytesIO(self.objects[name]), name)

    def _save(self, name: str, content: Any) -> str:
        refuse_in_transaction(name)
        self.objects[name] = content.read()
        return name

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        return name

    def delete(self, name: str) -> None:
        refuse_in_transaction(name)
        self.objects.pop(name, None)

    def exists(self, name: str) -> bool:
        return name in self.objects

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        folders, names = set(), []
        for name in self.objects:
            if not name.startswith(f"{path}/"):
                continue
            first, slash, _rest = name.removeprefix(f"{path}/").partition("/")
            if slash:
                folders.add(first)
            else:
                names.append(first)
        return list(folders), names
