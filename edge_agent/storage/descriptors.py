"""Descriptors as the agent's file holds them: little-endian float32, of length 1."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

# Of a descriptor's length from 1: rounding to float32 makes a millionth.
_LENGTH_OFF: Final = 1e-4
# The picture is used to compute a new one; where it is gone too, it is fetched again.
DROP_DESCRIPTOR: Final = """
UPDATE people SET descriptor = NULL, contract_id = '', picture_attempts = 0, picture_due_at =
    iif(picture_url <> '' AND NOT EXISTS (SELECT 1 FROM pictures WHERE person_id = id), 0, NULL)
WHERE id = ?
"""


def descriptor_of(raw: bytes) -> NDArray[np.float32]:
    """Read a descriptor, (dimension,) float32."""
    return np.frombuffer(raw, dtype="<f4").astype(np.float32)


def is_descriptor(raw: Any, dimension: int | None) -> bool:
    """Tell whether a value can be one: whole numbers of four bytes, finite, of length 1.

    Args:
        raw: as it was read.
        dimension: how many numbers there are; None for any.
    """
    if not isinstance(raw, bytes) or not raw or len(raw) % 4:
        return False
    vector = descriptor_of(raw).astype(np.float64)
    if dimension is not None and len(vector) != dimension:
        return False
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(abs(np.linalg.norm(vector) - 1.0) < _LENGTH_OFF)
