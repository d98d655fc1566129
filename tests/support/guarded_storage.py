"""The storage of the test suite: files are written and deleted outside of transactions only."""

from typing import Any

from django.core.files.storage import FileSystemStorage
from django.db import connection


class FileInTransaction(AssertionError):
    """A file was touched inside a transaction, which may be rolled back without it."""


def is_in_transaction() -> bool:
    """Tell whether the product's own code has begun a transaction, the test's own aside."""
    # Django marks those of its test case.
    return not all(vars(block)["_from_testcase"] for block in connection.atomic_blocks)


def refuse_in_transaction(path: str) -> None:
    """Fail when a file is touched inside a transaction.

    Raises:
        FileInTransaction: it is; see docs/decisions/0028-files-before-rows.md.
    """
    if is_in_transaction():
        raise FileInTransaction(f"{path.partition('/')[0]}/… inside a transaction")


class GuardedStorage(FileSystemStorage):
    """Files on the disk, refused inside a transaction (decision 0028)."""

    def _save(self, name: str, content: Any) -> str:
        refuse_in_transaction(name)
        folder: Any = super()
        return str(folder._save(name, content))

    def delete(self, name: str) -> None:
        refuse_in_transaction(name)
        super().delete(name)
