"""Pictures of messages: cleaned, kept, waiting until they may be decoded."""

from .looking import PHOTO_ON_FILE, Looked, look, look_for
from .message_files import MessageFiles, message_files
from .pictures import picture_name, picture_write
from .waiting import NOT_KEPT, WAITS, waiting_files_sweep, waiting_forget

__all__ = [
    "NOT_KEPT",
    "PHOTO_ON_FILE",
    "WAITS",
    "Looked",
    "MessageFiles",
    "look",
    "look_for",
    "message_files",
    "picture_name",
    "picture_write",
    "waiting_files_sweep",
    "waiting_forget",
]
