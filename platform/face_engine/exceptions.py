"""Errors of the face engine.

    FaceEngineError
    ├── ModelMissing         model_missing       nothing installed, or a file of it is gone
    │   └── ModelInvalid     model_invalid       a file is there and is not what it should be
    ├── InstallFailed        install_failed      no source could deliver a file
    ├── ManifestInvalid      manifest_invalid    a manifest says something impossible
    ├── ImageUnreadable      empty | not_an_image | truncated | too_large | unsupported_format
    │   └── ImageTooHeavy    too_large           more bytes, pixels or memory than allowed
    ├── PicturesBusy         pictures_busy       no room to decode another picture at the moment
    └── IndexInvalid         index_invalid       bytes that are not a saved index

What is merely unwelcome (no face, a blurred face, no match) is a result, not an exception. No
message carries picture contents, names or descriptors.
"""

from typing import ClassVar, Literal

ImageFault = Literal["empty", "not_an_image", "truncated", "too_large", "unsupported_format"]


class FaceEngineError(Exception):
    """Base of all errors of this package; ``code`` is stable and may be stored or shown."""

    code: ClassVar[str] = "face_engine"


class ModelMissing(FaceEngineError):
    """A model is not installed; ``python -m face_engine install`` installs it."""

    code = "model_missing"


class ModelInvalid(ModelMissing):
    """A model file does not have the digest or shape of its manifest.

    To its users it is as good as missing, and the same command helps.
    """

    code = "model_invalid"


class InstallFailed(FaceEngineError):
    """No configured source delivered a file with the right digest."""

    code = "install_failed"


class ManifestInvalid(FaceEngineError):
    """A manifest cannot be read or contradicts itself."""

    code = "manifest_invalid"


class ImageUnreadable(FaceEngineError):
    """Bytes that cannot become a picture.

    Attributes:
        code: why, one of `ImageFault`; stable.
    """

    code: ImageFault  # type: ignore[misc]  # per instance here, per class in the siblings

    def __init__(self, code: ImageFault) -> None:
        super().__init__(code)
        self.code = code


class ImageTooHeavy(ImageUnreadable):
    """A picture whose size or decoding exceeds the allowed bytes, pixels or memory."""

    def __init__(self) -> None:
        super().__init__("too_large")


class PicturesBusy(FaceEngineError):
    """As many pictures are being decoded as there is memory for; the same one may come later."""

    code = "pictures_busy"


class IndexInvalid(FaceEngineError):
    """Bytes that are not a saved vector index, or a damaged one."""

    code = "index_invalid"
