"""The face engine of this process, loaded once."""

from functools import cache

from face_engine import FaceEngine, load_engine


@cache
def engine() -> FaceEngine:
    """Return the engine, warm.

    Raises:
        face_engine.ModelMissing: the models are not installed; not remembered, so an
            installation is noticed without a restart.
    """
    return load_engine()
