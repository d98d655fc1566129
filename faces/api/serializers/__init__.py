"""Shapes that the REST interface takes and shows."""

from faces.api.serializers.deliveries import DeliveryOut, RevocationOut, SendAgainIn, SendAgainOut
from faces.api.serializers.fields import FACE_STATUSES, IdListField, uploaded_bytes
from faces.api.serializers.people import LibraryIn, LibraryOut, PersonIn, PersonOut
from faces.api.serializers.recognition import (
    IdentifyIn,
    IdentifyOut,
    IndexOut,
    QueuedOut,
    RebuildIn,
)
from faces.api.serializers.terminals import HeldLibrariesField, HoldingsOut

__all__ = [
    "FACE_STATUSES",
    "DeliveryOut",
    "HeldLibrariesField",
    "HoldingsOut",
    "IdListField",
    "IdentifyIn",
    "IdentifyOut",
    "IndexOut",
    "LibraryIn",
    "LibraryOut",
    "PersonIn",
    "PersonOut",
    "QueuedOut",
    "RebuildIn",
    "RevocationOut",
    "SendAgainIn",
    "SendAgainOut",
    "uploaded_bytes",
]
