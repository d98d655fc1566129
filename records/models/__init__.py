"""Tables of what terminals reported, and of alerts."""

from .alert import Alert
from .negative import FaceNegative
from .record import FormerRecord, Picture, Record, RecordCursor
from .rules import PassRules
from .waiting import WAITING_ROOT, WaitingPicture

__all__ = [
    "WAITING_ROOT",
    "Alert",
    "FaceNegative",
    "FormerRecord",
    "PassRules",
    "Picture",
    "Record",
    "RecordCursor",
    "WaitingPicture",
]
