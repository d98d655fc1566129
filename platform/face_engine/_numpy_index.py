"""Reference vector index in numpy, which defines the meaning of a search."""

import threading
from typing import Self

import numpy as np
from numpy.typing import NDArray

from face_engine._index_codec import (
    check_additions,
    check_ids,
    check_query,
    decode_index,
    encode_index,
)


class NumpyIndex:
    """`VectorIndex` in numpy."""

    def __init__(self, dimension: int) -> None:
        if dimension < 1:
            raise ValueError("dimension below 1")
        self._vectors = np.empty((0, dimension), dtype=np.float32)
        self._ids = np.empty(0, dtype=np.int64)
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """See `VectorIndex.dimension`."""
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        """See `VectorIndex.__len__`."""
        return len(self._ids)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """See `VectorIndex.add`."""
        check_additions(ids, vectors, self.dimension)
        with self._lock:
            kept = ~np.isin(self._ids, ids)
            self._vectors = np.concatenate([self._vectors[kept], vectors])
            self._ids = np.concatenate([self._ids[kept], ids])

    def remove(self, ids: NDArray[np.int64]) -> int:
        """See `VectorIndex.remove`."""
        check_ids(ids)
        with self._lock:
            kept = ~np.isin(self._ids, ids)
            self._vectors, self._ids = self._vectors[kept], self._ids[kept]
            return int(len(kept) - np.count_nonzero(kept))

    def search(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `VectorIndex.search`."""
        check_query(vectors, k, self.dimension)
        with self._lock:
            # Both arrays are replaced as a whole by every change, never written into.
            held, ids = self._vectors, self._ids
        scores = vectors @ held.T
        found_scores = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        found_ids = np.full((len(vectors), k), -1, dtype=np.int64)
        for row, row_scores in enumerate(scores):
            best = np.lexsort((ids, -row_scores))[:k]
            found_scores[row, : len(best)] = row_scores[best]
            found_ids[row, : len(best)] = ids[best]
        return found_scores, found_ids

    def to_bytes(self) -> bytes:
        """See `VectorIndex.to_bytes`."""
        with self._lock:
            return encode_index(self._ids, self._vectors)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """See `VectorIndex.from_bytes`."""
        ids, vectors = decode_index(raw)
        index = cls(vectors.shape[1])
        index.add(ids, vectors)
        return index
