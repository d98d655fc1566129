"""Migrated databases, made once and copied: running every migration takes ten seconds of a core.

They are kept in ``.pytest_cache`` under a digest of the product's source and of the installed
packages, so that whatever may change what migrations make, makes them anew.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The database in the kept PostgreSQL from which others are created.
TEMPLATE = "menjin_migrated"
_KEPT = ROOT / ".pytest_cache" / "migrated"


def kept(name: str, build: Callable[[Path], None]) -> Path:
    """Return what was built under a name, built now if need be; other processes wait meanwhile.

    Args:
        name: a file or folder.
        build: makes it at the path it is given.
    """
    folder = _KEPT / _digest()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = folder / name
        if not path.exists():
            _forget_others(folder)
            unfinished = folder / f"{name}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.unlink(missing_ok=True)
            build(unfinished)
            unfinished.rename(path)
    return path


def migrate(**variables: str) -> None:
    """Run every migration in a process of its own."""
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, **variables},
        check=True,
    )


def sqlite_into(folder: Path) -> None:
    """Put a migrated ``menjin.sqlite3`` into the folder of an embedded platform."""
    source = kept("menjin.sqlite3", _migrate_sqlite)
    target = folder / "menjin.sqlite3"
    target.touch(mode=0o600)
    shutil.copyfile(source, target)


def _migrate_sqlite(path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="menjin-migrated-") as folder:
        migrate(DJANGO_SETTINGS_MODULE="menjin.settings.embedded", MENJIN_VAR=folder)
        if left := [one.name for one in Path(folder).glob("*.sqlite3-*")]:
            raise RuntimeError(f"the database is not closed: {left}")
        shutil.copyfile(Path(folder) / "menjin.sqlite3", path)


def _digest() -> str:
    """Return a digest of all that may change what migrations make."""
    digest = hashlib.sha256(sys.version.encode())
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    packages = Path(sysconfig.get_path("purelib")).glob("*.dist-info")
    digest.update("\n".join(sorted(path.name for path in packages)).encode())
    return digest.hexdigest()[:16]


def _sources() -> Iterator[Path]:
    for folder in ("devices", "faces", "records", "platform"):
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield Path(__file__)
    yield Path(__file__).with_name("services.py")


def _forget_others(folder: Path) -> None:
    """Delete what was built from other sources, but for what may be in use this moment."""
    others = sorted(
        (one for one in _KEPT.iterdir() if one != folder), key=lambda one: one.stat().st_mtime
    )
    for old in others[:-2]:
        shutil.rmtree(old, ignore_errors=True)
