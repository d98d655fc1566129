"""Both indexes mean the same; numpy says what."""

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from face_engine import FaissIndex, IndexInvalid, NumpyIndex, VectorIndex

KINDS = [NumpyIndex, FaissIndex]
DIMENSION = 8
# Different sums of the same products differ by this much in float32.
TOLERANCE = 1e-5


def _unit(seed: int, count: int, dimension: int = DIMENSION) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).normal(size=(count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _ids(*values: int) -> NDArray[np.int64]:
    return np.array(values, dtype=np.int64)


@pytest.fixture(params=KINDS, ids=["numpy", "faiss"])
def index(request: pytest.FixtureRequest) -> VectorIndex:
    made: VectorIndex = request.param(DIMENSION)
    return made


def test_both_are_vector_indexes(index: VectorIndex) -> None:
    assert isinstance(index, VectorIndex)
    assert (len(index), index.dimension) == (0, DIMENSION)


def test_everybody_is_nearest_to_themselves(index: VectorIndex) -> None:
    vectors = _unit(1, 50)
    index.add(np.arange(50, dtype=np.int64) * 7, vectors)

    scores, ids = index.search(vectors, 1)

    assert ids[:, 0].tolist() == [7 * row for row in range(50)]
    assert scores[:, 0] == pytest.approx(np.ones(50), abs=TOLERANCE)


def test_missing_neighbours_are_minus_one(index: VectorIndex) -> None:
    index.add(_ids(5), _unit(1, 1))

    scores, ids = index.search(_unit(2, 2), 3)

    assert ids[:, 1:].tolist() == [[-1, -1], [-1, -1]]
    assert np.isneginf(scores[:, 1:]).all()


def test_empty_index_and_empty_query(index: VectorIndex) -> None:
    assert index.search(_unit(1, 1), 2)[1].tolist() == [[-1, -1]]
    assert index.search(_unit(1, 0), 2)[1].shape == (0, 2)
    assert index.remove(_ids(1, 2)) == 0


def test_adding_an_id_again_replaces_its_vector(index: VectorIndex) -> None:
    old, new = _unit(1, 1), _unit(2, 1)
    index.add(_ids(9), old)

    index.add(_ids(9), new)

    assert len(index) == 1
    assert index.search(new, 1)[0][0, 0] == pytest.approx(1, abs=TOLERANCE)


def test_removed_vectors_are_never_found(index: VectorIndex) -> None:
    vectors = _unit(1, 10)
    index.add(np.arange(10, dtype=np.int64), vectors)

    removed = index.remove(_ids(3, 4, 77))

    assert removed == 2
    assert len(index) == 8
    assert not {3, 4} & set(index.search(vectors, 10)[1].ravel().tolist())


def test_equal_scores_come_by_ascending_id(index: VectorIndex) -> None:
    same = np.repeat(_unit(1, 1), 4, axis=0)
    index.add(_ids(8, 2, 6, 4), same)

    assert index.search(same[:1], 4)[1].tolist() == [[2, 4, 6, 8]]


@pytest.mark.parametrize(
    ("ids", "vectors"),
    [
        (_ids(1), _unit(1, 2)),
        (_ids(1, 1), _unit(1, 2)),
        (_ids(-1), _unit(1, 1)),
        (np.array([1], dtype=np.int32), _unit(1, 1)),
        (_ids(1), _unit(1, 1).astype(np.float64)),
        (_ids(1), _unit(1, 1, DIMENSION + 1)),
        (_ids(1), np.full((1, DIMENSION), np.nan, dtype=np.float32)),
    ],
)
def test_impossible_additions_change_nothing(
    index: VectorIndex, ids: NDArray[np.int64], vectors: NDArray[np.float32]
) -> None:
    with pytest.raises(ValueError, match=r"."):
        index.add(ids, vectors)

    assert len(index) == 0


def test_impossible_questions_are_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match="k below 1"):
        index.search(_unit(1, 1), 0)
    with pytest.raises(ValueError, match="float32"):
        index.search(_unit(1, 1, DIMENSION - 1), 1)


@pytest.mark.parametrize("writer", KINDS)
@pytest.mark.parametrize("reader", KINDS)
def test_each_reads_what_the_other_wrote(
    writer: type[VectorIndex], reader: type[VectorIndex]
) -> None:
    vectors = _unit(3, 20)
    written = writer(DIMENSION)  # type: ignore[call-arg]
    written.add(np.arange(20, dtype=np.int64), vectors)

    read = reader.from_bytes(written.to_bytes())

    assert len(read) == 20
    assert read.search(vectors, 1)[1][:, 0].tolist() == list(range(20))
    assert read.to_bytes() == written.to_bytes()
    read.add(_ids(20), _unit(4, 1))
    assert read.remove(_ids(0)) == 1


def test_empty_index_survives_being_saved(index: VectorIndex) -> None:
    assert len(type(index).from_bytes(index.to_bytes())) == 0


@given(data=st.data())
def test_damaged_bytes_are_refused(data: st.DataObject) -> None:
    index = NumpyIndex(DIMENSION)
    index.add(_ids(1, 2), _unit(1, 2))
    raw = bytearray(index.to_bytes())
    if data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(raw) - 1))
        raw[place] ^= data.draw(st.integers(1, 255))
    else:
        del raw[data.draw(st.integers(0, len(raw) - 1)) :]

    with pytest.raises(IndexInvalid):
        NumpyIndex.from_bytes(bytes(raw))


_STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "remove"]),
        st.lists(st.integers(0, 15), min_size=1, max_size=8, unique=True),
        st.integers(0, 2**32 - 1),
    ),
    max_size=12,
)


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(steps=_STEPS, k=st.integers(1, 20), seed=st.integers(0, 2**32 - 1))
def test_faiss_agrees_with_numpy_after_any_history(
    steps: list[tuple[str, list[int], int]], k: int, seed: int
) -> None:
    reference, fast = NumpyIndex(DIMENSION), FaissIndex(DIMENSION)
    for action, values, vectors_seed in steps:
        for index in (reference, fast):
            if action == "add":
                index.add(_ids(*values), _unit(vectors_seed, len(values)))
            else:
                index.remove(_ids(*values))

    queries = _unit(seed, 3)
    scores, ids = reference.search(queries, k)
    fast_scores, fast_ids = fast.search(queries, k)

    assert len(fast) == len(reference)
    assert fast_scores == pytest.approx(scores, abs=TOLERANCE)
    assert fast.to_bytes() == reference.to_bytes()
    for row in range(len(queries)):
        held = {int(found): score for found, score in zip(ids[row], scores[row], strict=True)}
        for found, score in zip(fast_ids[row], fast_scores[row], strict=True):
            # Only neighbours that score the same up to rounding may be swapped.
            assert int(found) in held or score == pytest.approx(scores[row, -1], abs=TOLERANCE)


def test_searches_and_changes_may_meet(index: VectorIndex) -> None:
    """What is always there is always found, whatever comes and goes beside it."""
    fixed = _unit(1, 20)
    index.add(np.arange(20, dtype=np.int64), fixed)
    passing = _unit(2, 20)
    wrong: list[int] = []

    def change() -> None:
        for round_number in range(60):
            ids = np.arange(100, 120, dtype=np.int64) + round_number % 3
            index.add(ids, passing)
            index.remove(ids)

    def look() -> None:
        for _ in range(200):
            found = index.search(fixed, 1)[1][:, 0]
            wrong.extend(int(value) for row, value in enumerate(found) if value != row)

    threads = [threading.Thread(target=target) for target in (change, look, look, look)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
    assert len(index) == 20
