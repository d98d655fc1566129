"""Section ``[queue]``: how much room what was not sent yet may take."""

from dataclasses import dataclass
from typing import Final

from edge_agent.config.typed_tables import ranged

_MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class QueueConfig:
    """Section ``[queue]``.

    Attributes:
        max_bytes: most bytes of waiting uploads; beyond them the oldest give up their pictures.
        free_min_bytes: where the disk has less room than this, the terminal's file does not grow:
            the oldest pictures make room for new ones.
        open_unrecorded: whether the door opens even if the pass can be put neither on this disk
            nor before the platform; otherwise nothing opens without leaving a trace.
    """

    max_bytes: int = ranged(1024 * _MIB, 65_536, 2**42)
    free_min_bytes: int = ranged(256 * _MIB, 0, 2**42)
    open_unrecorded: bool = False
