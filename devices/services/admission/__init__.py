"""Admission of callers, and the calls that were refused."""

from .admission import (
    Admission,
    Caller,
    KnownTerminal,
    Refusal,
    admit,
    admit_known,
    heartbeat_known,
    heartbeat_learn,
    is_address_allowed,
)
from .newcomers import (
    Flood,
    came_with_flood,
    count_without_flood,
    displaced_newcomers,
    floods,
    newcomers_since,
    silent_newcomers,
)
from .refused_reading import RefusedShown, refused_calls
from .refused_store import refused_note

__all__ = [
    "Admission",
    "Caller",
    "Flood",
    "KnownTerminal",
    "Refusal",
    "RefusedShown",
    "admit",
    "admit_known",
    "came_with_flood",
    "count_without_flood",
    "displaced_newcomers",
    "floods",
    "heartbeat_known",
    "heartbeat_learn",
    "is_address_allowed",
    "newcomers_since",
    "refused_calls",
    "refused_note",
    "silent_newcomers",
]
