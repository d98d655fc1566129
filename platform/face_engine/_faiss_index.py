"""Vector index on faiss: exact inner product, fast."""

import threading
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from face_engine._index_codec import (
    check_additions,
    check_ids,
    check_query,
    decode_index,
    encode_index,
)


class FaissIndex:
    """`VectorIndex` on ``IndexIDMap2(IndexFlatIP)``; imports faiss when the first one is made."""

    def __init__(self, dimension: int) -> None:
        import faiss  # 60 ms and 30 MB, which programs without an index do not pay

        if dimension < 1:
            raise ValueError("dimension below 1")
        self._dimension = dimension
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dimension))
        self._lock = threading.Lock()

    @property
    def dimension(self) -> int:
        """See `VectorIndex.dimension`."""
        return self._dimension

    def __len__(self) -> int:
        """See `VectorIndex.__len__`."""
        return int(self._index.ntotal)

    def add(self, ids: NDArray[np.int64], vectors: NDArray[np.float32]) -> None:
        """See `VectorIndex.add`."""
        check_additions(ids, vectors, self._dimension)
        with self._lock:
            if self._index.ntotal:
                self._index.remove_ids(ids)
            self._index.add_with_ids(np.ascontiguousarray(vectors), np.ascontiguousarray(ids))

    def remove(self, ids: NDArray[np.int64]) -> int:
        """See `VectorIndex.remove`."""
        check_ids(ids)
        with self._lock:
            return int(self._index.remove_ids(ids))

    def search(
        self, vectors: NDArray[np.float32], k: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `VectorIndex.search`."""
        check_query(vectors, k, self._dimension)
        found_scores = np.full((len(vectors), k), -np.inf, dtype=np.float32)
        found_ids = np.full((len(vectors), k), -1, dtype=np.int64)
        with self._lock:
            reachable = min(k, int(self._index.ntotal))
            if reachable and len(vectors):
                scores, ids = self._index.search(np.ascontiguousarray(vectors), reachable)
                order = np.lexsort((ids, -scores), axis=1)
                found_scores[:, :reachable] = np.take_along_axis(scores, order, axis=1)
                found_ids[:, :reachable] = np.take_along_axis(ids, order, axis=1)
        return found_scores, found_ids

    def to_bytes(self) -> bytes:
        """See `VectorIndex.to_bytes`."""
        import faiss

        with self._lock:
            ids = faiss.vector_to_array(self._index.id_map)
            flat = faiss.downcast_index(self._index.index)
            vectors = flat.reconstruct_n(0, flat.ntotal).reshape(-1, self._dimension)
        return encode_index(ids, vectors)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """See `VectorIndex.from_bytes`."""
        ids, vectors = decode_index(raw)
        index = cls(vectors.shape[1])
        index.add(ids, vectors)
        return index
