"""Face engine: detection, quality, descriptors, and similarity; without Django.

    engine = load_engine()
    image = decode_image(raw)
    faces = engine.detect(image)
    report = assess(image, faces)
    descriptors = engine.describe(image, faces)

Everything a program needs is here; modules with an underscore may change at any time. Importing
this package loads neither onnxruntime nor faiss; they come with `load_engine` and `FaissIndex`.
"""

from face_engine._budget import PictureBudget, PictureHold, WaitLimits
from face_engine._engine import load_engine
from face_engine._faiss_index import FaissIndex
from face_engine._image import (
    DEFAULT_MAX_BYTES,
    DEFAULT_MAX_DECODED_BYTES,
    PartialImage,
    decode_image,
    decode_partial,
)
from face_engine._numpy_index import NumpyIndex
from face_engine._photo import MAX_PHOTO_PX, MIN_PHOTO_PX, normalise_photo
from face_engine._picture_hash import are_hashes_near, is_same_picture, picture_hash
from face_engine._quality import (
    PROBLEM_WORDS,
    QualityLimits,
    QualityProblem,
    QualityReport,
    assess,
)
from face_engine._roll_check import judge_photo
from face_engine._similarity import (
    DEFAULT_THRESHOLD,
    SIMILARITY_AT_THRESHOLD,
    cosine_from_similarity,
    similarity_from_cosine,
    threshold_for_far,
)
from face_engine.assets import (
    AssetStatus,
    asset_status,
    install_models,
    install_portraits,
    models_dir,
)
from face_engine.base import Descriptor, DetectedFace, FaceEngine, RgbImage, VectorIndex
from face_engine.exceptions import (
    FaceEngineError,
    ImageTooHeavy,
    ImageUnreadable,
    IndexInvalid,
    InstallFailed,
    ManifestInvalid,
    ModelInvalid,
    ModelMissing,
    PicturesBusy,
)

__all__ = [
    "DEFAULT_MAX_BYTES",
    "DEFAULT_MAX_DECODED_BYTES",
    "DEFAULT_THRESHOLD",
    "MAX_PHOTO_PX",
    "MIN_PHOTO_PX",
    "PROBLEM_WORDS",
    "SIMILARITY_AT_THRESHOLD",
    "AssetStatus",
    "Descriptor",
    "DetectedFace",
    "FaceEngine",
    "FaceEngineError",
    "FaissIndex",
    "ImageTooHeavy",
    "ImageUnreadable",
    "IndexInvalid",
    "InstallFailed",
    "ManifestInvalid",
    "ModelInvalid",
    "ModelMissing",
    "NumpyIndex",
    "PartialImage",
    "PictureBudget",
    "PictureHold",
    "PicturesBusy",
    "QualityLimits",
    "QualityProblem",
    "QualityReport",
    "RgbImage",
    "VectorIndex",
    "WaitLimits",
    "are_hashes_near",
    "assess",
    "asset_status",
    "cosine_from_similarity",
    "decode_image",
    "decode_partial",
    "install_models",
    "install_portraits",
    "is_same_picture",
    "judge_photo",
    "load_engine",
    "models_dir",
    "normalise_photo",
    "picture_hash",
    "similarity_from_cosine",
    "threshold_for_far",
]
