"""Installation of models and demo portraits in the cache, and their lookup.

The cache is ``MENJIN_CACHE`` or the user's cache directory; it lies outside any checkout, and
everything in it can be deleted and installed again. A file counts only with the digest of its
manifest. What is installed is never fetched again, so a second run works without a network.
"""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from face_engine._files import is_intact, write_atomically
from face_engine._manifest import (
    DEFAULT_DESCRIPTOR,
    DEFAULT_DETECTOR,
    DEMO_PORTRAITS,
    AssetFile,
    Manifest,
    Source,
    load_manifest,
)
from face_engine._sources import Progress, fetch, is_configured
from face_engine.exceptions import InstallFailed


@dataclass(frozen=True, slots=True)
class AssetStatus:
    """State of one file of the cache.

    Attributes:
        manifest: name of its manifest.
        name: name of the file.
        state: ``installed``, ``missing`` or ``damaged`` (wrong digest).
        path: where it is or would be.
    """

    manifest: str
    name: str
    state: str
    path: Path


def cache_root() -> Path:
    """Folder that holds everything fetched: ``MENJIN_CACHE``, else the user's cache directory."""
    configured = os.environ.get("MENJIN_CACHE")
    return (
        Path(configured).expanduser() if configured else Path(platformdirs.user_cache_dir("menjin"))
    )


def models_dir() -> Path:
    """Folder with one subfolder per model."""
    return cache_root() / "models"


def model_manifests() -> tuple[Manifest, Manifest]:
    """The detector's and the descriptor's manifest.

    ``MENJIN_DETECTOR`` and ``MENJIN_DESCRIPTOR`` replace the packaged ones: a packaged name or
    the path of a TOML file.
    """
    return (
        load_manifest(os.environ.get("MENJIN_DETECTOR") or DEFAULT_DETECTOR),
        load_manifest(os.environ.get("MENJIN_DESCRIPTOR") or DEFAULT_DESCRIPTOR),
    )


def install_models(progress: Progress | None = None, *, model_dir: Path | None = None) -> Path:
    """Install detector and descriptor, and derive the graphs that are run.

    Args:
        progress: receives lines of text; None for silence. On a terminal pip shows its own bar.
        model_dir: where to; the cache by default.

    Returns:
        The folder to give to ``load_engine``.

    Raises:
        InstallFailed: when no source delivers a file.
    """
    from face_engine._graphs import derive_graph  # needs onnx, which is slow to import

    root = model_dir or models_dir()
    say = progress or _ignore
    with tempfile.TemporaryDirectory(prefix="menjin-") as archives:
        for manifest in model_manifests():
            paths = _ensure_files(manifest, root / manifest.name, Path(archives), say)
            for path in paths.values():
                derive_graph(manifest, path, say)
    return root


def install_portraits(progress: Progress | None = None) -> dict[str, Path]:
    """Fetch the portraits of the demonstration: United States government works.

    Returns:
        Name of the file (``obama.jpg``, ``astronaut.png`` …) to its path in the cache.

    Raises:
        InstallFailed: when no source delivers a picture.
    """
    return ensure_files(load_manifest(DEMO_PORTRAITS), cache_root() / "portraits", progress)


def ensure_files(
    manifest: Manifest, folder: Path, progress: Progress | None = None
) -> dict[str, Path]:
    """Have every file of a manifest in a folder, with the right digest.

    Sources are asked in their order, each for what is still missing. A file is written beside its
    place and renamed, so a reader never sees half of one.

    Raises:
        InstallFailed: when something is still missing after the last source.
    """
    with tempfile.TemporaryDirectory(prefix="menjin-") as archives:
        return _ensure_files(manifest, folder, Path(archives), progress or _ignore)


def asset_status(*, model_dir: Path | None = None) -> list[AssetStatus]:
    """State of every file of the models and the portraits."""
    root = model_dir or models_dir()
    sets = [(manifest, root / manifest.name) for manifest in model_manifests()]
    sets.append((load_manifest(DEMO_PORTRAITS), cache_root() / "portraits"))
    return [
        AssetStatus(
            manifest.name, asset.name, _state(folder / asset.name, asset), folder / asset.name
        )
        for manifest, folder in sets
        for asset in manifest.files
    ]


def _ensure_files(
    manifest: Manifest, folder: Path, archives: Path, say: Progress
) -> dict[str, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    missing = [asset for asset in manifest.files if not is_intact(folder / asset.name, asset)]
    reasons: list[str] = []
    for source in manifest.sources:
        wanted = [asset for asset in missing if source.has(asset.name)]
        if not wanted or not is_configured(source):
            continue
        try:
            arrived = _fetch_and_keep(source, wanted, folder, archives, say)
            missing = [asset for asset in missing if asset.name not in arrived]
        except InstallFailed as error:
            reasons.append(str(error))
            say(str(error))
    if missing:
        names = ", ".join(asset.name for asset in missing)
        raise InstallFailed("; ".join([f"{manifest.name}: no source delivered {names}", *reasons]))
    return {asset.name: folder / asset.name for asset in manifest.files}


def _fetch_and_keep(
    source: Source,
    wanted: Sequence[AssetFile],
    folder: Path,
    archives: Path,
    progress: Progress,
) -> set[str]:
    """Fetch into a scratch folder, verify, and move into place; returns the intact names."""
    arrived = set()
    with tempfile.TemporaryDirectory(prefix="menjin-") as name:
        scratch = Path(name)
        fetch(source, wanted, scratch, archives, progress)
        for asset in wanted:
            candidate = scratch / asset.name
            if is_intact(candidate, asset):
                write_atomically(folder / asset.name, candidate.read_bytes())
                arrived.add(asset.name)
            elif candidate.is_file():
                progress(f"{asset.name}: wrong digest, not used")
    return arrived


def _state(path: Path, asset: AssetFile) -> str:
    if not path.is_file():
        return "missing"
    return "installed" if is_intact(path, asset) else "damaged"


def _ignore(line: str) -> None:
    """Ignore a line of progress."""
