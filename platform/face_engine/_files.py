"""Files of models: checked by their digests, and written whole."""

import hashlib
import os
import tempfile
from pathlib import Path

from face_engine._manifest import AssetFile, Manifest
from face_engine.exceptions import ModelInvalid, ModelMissing

INSTALL_HINT = "run: python -m face_engine install"


def installed_file(manifest: Manifest, root: Path) -> Path:
    """Return the path of a model's only file, after checking its digest.

    Raises:
        ModelMissing: when it is not there.
        ModelInvalid: when it is something else.
    """
    asset = manifest.files[0]
    path = root / manifest.name / asset.name
    if not path.is_file():
        raise ModelMissing(f"model {manifest.name} is not installed; {INSTALL_HINT}")
    if not is_intact(path, asset):
        raise ModelInvalid(f"model {manifest.name} has a wrong digest; {INSTALL_HINT}")
    return path


def is_intact(path: Path, asset: AssetFile) -> bool:
    """Return whether a file has the size and digest of its manifest."""
    return path.is_file() and path.stat().st_size == asset.size and sha256_of(path) == asset.sha256


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_atomically(path: Path, contents: bytes) -> None:
    """Write a file atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(contents)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
