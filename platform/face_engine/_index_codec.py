"""Argument checks and file format shared by all vector indexes.

Saved form, little-endian: ``MJVI`` and a version byte 1; dimension as uint32; number of vectors
as uint64; that many int64 ids; that many rows of float32; SHA-256 of everything before it. It is
read without running anything, unlike a pickle, and does not depend on the library that searches.
"""

import hashlib
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from face_engine.exceptions import IndexInvalid

_MAGIC: Final = b"MJVI\x01"
_HEADER: Final = struct.Struct("<5sIQ")
_DIGEST_BYTES: Final = 32


def encode_index(ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> bytes:
    """Write ids (n,) and vectors (n, dimension) in the saved form, by ascending id."""
    order = np.argsort(ids, kind="stable")
    body = b"".join(
        (
            _HEADER.pack(_MAGIC, vectors.shape[1], len(ids)),
            ids[order].astype("<i8").tobytes(),
            vectors[order].astype("<f4").tobytes(),
        )
    )
    return body + hashlib.sha256(body).digest()


def decode_index(raw: bytes) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Read the saved form: ids (n,) and vectors (n, dimension).

    Raises:
        IndexInvalid: when it is something else, cut, or changed.
    """
    if len(raw) < _HEADER.size + _DIGEST_BYTES:
        raise IndexInvalid("too short")
    magic, dimension, count = _HEADER.unpack_from(raw)
    if magic != _MAGIC or dimension < 1:
        raise IndexInvalid("not a saved index")
    ids_end = _HEADER.size + 8 * count
    vectors_end = ids_end + 4 * count * dimension
    if len(raw) != vectors_end + _DIGEST_BYTES:
        raise IndexInvalid("cut or too long")
    if hashlib.sha256(memoryview(raw)[:vectors_end]).digest() != raw[vectors_end:]:
        raise IndexInvalid("damaged")
    ids = np.frombuffer(raw, "<i8", count, _HEADER.size).astype(np.int64)
    flat = np.frombuffer(raw, "<f4", count * dimension, ids_end).astype(np.float32)
    return ids, flat.reshape(count, dimension)


def check_ids(ids: NDArray[Any]) -> None:
    """Raise ValueError unless ids are (n,) int64, not negative."""
    if ids.ndim != 1 or ids.dtype != np.int64:
        raise ValueError(f"ids must be (n,) int64, not {ids.dtype} {ids.shape}")
    if ids.size and int(ids.min()) < 0:
        raise ValueError("negative id")


def check_additions(ids: NDArray[Any], vectors: NDArray[Any], dimension: int) -> None:
    """Raise ValueError unless ids and vectors may be added together."""
    check_ids(ids)
    if np.unique(ids).size != ids.size:
        raise ValueError("an id occurs twice")
    _check_vectors(vectors, dimension)
    if len(vectors) != len(ids):
        raise ValueError(f"{len(ids)} ids for {len(vectors)} vectors")


def check_query(vectors: NDArray[Any], k: int, dimension: int) -> None:
    """Raise ValueError unless this can be searched for."""
    if k < 1:
        raise ValueError("k below 1")
    _check_vectors(vectors, dimension)


def _check_vectors(vectors: NDArray[Any], dimension: int) -> None:
    if vectors.ndim != 2 or vectors.shape[1] != dimension or vectors.dtype != np.float32:
        raise ValueError(
            f"vectors must be (n, {dimension}) float32, not {vectors.dtype} {vectors.shape}"
        )
    if not np.isfinite(vectors).all():
        raise ValueError("a vector is not finite")
