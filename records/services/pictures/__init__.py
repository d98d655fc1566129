"""Pictures of messages: cleaned, kept, waiting until they may be decoded."""

from .checks import PHOTO_ON_FILE, PictureCheck, person_compare, picture_check
from .message_files import MessageFiles, message_files
from .pictures import picture_name, picture_write
from .waiting import NOT_KEPT, WAITS, waiting_files_sweep, waiting_forget

__all__ = [
    "NOT_KEPT",
    "PHOTO_ON_FILE",
    "WAITS",
    "MessageFiles",
    "PictureCheck",
    "message_files",
    "person_compare",
    "picture_check",
    "picture_name",
    "picture_write",
    "waiting_files_sweep",
    "waiting_forget",
]
