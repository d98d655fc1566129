"""Pictures between terminals and platform: decoding in bounds, addresses, copies of a photo."""

from .decoding import (
    PICTURES_RETRY_AFTER_S,
    PictureOrigin,
    picture_budget,
    picture_decode,
    picture_hold,
)
from .photo_copies import is_photo_on_file
from .urls import (
    PICTURE_ROOT_MAX,
    BadPictureAddress,
    PictureAddresses,
    PictureGrant,
    photo_fetched,
    picture_grant,
    picture_path,
    picture_root,
    picture_root_fits,
)

__all__ = [
    "PICTURES_RETRY_AFTER_S",
    "PICTURE_ROOT_MAX",
    "BadPictureAddress",
    "PictureAddresses",
    "PictureGrant",
    "PictureOrigin",
    "is_photo_on_file",
    "photo_fetched",
    "picture_budget",
    "picture_decode",
    "picture_grant",
    "picture_hold",
    "picture_path",
    "picture_root",
    "picture_root_fits",
]
