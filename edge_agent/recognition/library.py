"""Library in memory: an index of the people in the store."""

from collections.abc import Sequence
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray

from edge_agent.storage import AppliedChanges, EnrolledPerson, Match
from face_engine import FaissIndex, NumpyIndex, VectorIndex, similarity_from_cosine


class Library:
    """Index of people who can be recognised; a projection of what the store has committed.

    Used from one thread at a time, the one that also runs the face models.
    """

    def __init__(
        self, *, contract_id: str, dimension: int, threshold: float, least_similarity: int
    ) -> None:
        """Make an empty library.

        Args:
            contract_id: what descriptors must mean to be compared; others are left out.
            dimension: of descriptors.
            threshold: the engine's; it anchors the scale of the wire.
            least_similarity: 0 to 100; 0 takes what the threshold means.
        """
        self._contract_id = contract_id
        self._threshold = threshold
        self._least = least_similarity or similarity_from_cosine(threshold, threshold=threshold)
        self._index = _make_index(dimension)
        self._people: dict[int, EnrolledPerson] = {}

    def __len__(self) -> int:
        """How many people can be recognised."""
        return len(self._people)

    @property
    def least_similarity(self) -> int:
        """Least similarity, 0 to 100, that counts as the same person."""
        return self._least

    def replace(self, people: Sequence[EnrolledPerson]) -> None:
        """Hold exactly these people."""
        self._index = _make_index(self._index.dimension)
        self._people = {}
        self.apply(AppliedChanges(held=tuple(people), gone=()))

    def apply(self, applied: AppliedChanges) -> None:
        """Follow a transaction of the store."""
        if applied.gone:
            self._index.remove(np.asarray(applied.gone, dtype=np.int64))
            for person_id in applied.gone:
                self._people.pop(person_id, None)
        fitting = [one for one in applied.held if one.contract_id == self._contract_id]
        if fitting:
            ids = np.asarray([one.person_id for one in fitting], dtype=np.int64)
            self._index.add(ids, np.stack([one.descriptor for one in fitting]))
            self._people |= {one.person_id: one for one in fitting}

    def match(self, descriptor: NDArray[np.float32]) -> Match | None:
        """Find the person of a descriptor.

        Args:
            descriptor: (dimension,) float32, length 1.

        Returns:
            The nearest person, None when no one is near enough.
        """
        nearest = self.nearest(descriptor, 1)
        return nearest[0] if nearest and nearest[0].similarity >= self._least else None

    def nearest(self, descriptor: NDArray[np.float32], count: int) -> tuple[Match, ...]:
        """Find the nearest people of a descriptor, whatever their similarity.

        Args:
            descriptor: (dimension,) float32, length 1.
            count: how many at most.

        Returns:
            Nearest first.
        """
        scores, ids = self._index.search(descriptor[None, :], count)
        found = []
        for score, number in zip(scores[0], ids[0], strict=True):
            person = self._people.get(int(number))
            if person is None:
                continue
            similarity = similarity_from_cosine(float(score), threshold=self._threshold)
            found.append(
                Match(
                    *(person.user_id, person.name, person.user_type, similarity),
                    *(person.visit, person.welcome),
                )
            )
        return tuple(found)


def _make_index(dimension: int) -> VectorIndex:
    """Return a faiss index where faiss is installed, else the numpy one; both answer the same."""
    return NumpyIndex(dimension) if find_spec("faiss") is None else FaissIndex(dimension)
