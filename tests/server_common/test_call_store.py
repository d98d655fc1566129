"""Both stores of calls take the same steps to the same end."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from server_common.call_store import (
    CallStore,
    Check,
    MemoryCallStore,
    Moved,
    Note,
    NoteFirst,
    Push,
    Put,
    RedisCallStore,
    Step,
    Take,
    Turn,
)

NAMES = st.sampled_from(["a", "b"])
FIELDS, VALUES = st.sampled_from(["1", "2", "3"]), st.sampled_from(["x", "y", "南", ""])
TURNING = st.sampled_from(["x", "y", "%20", "a:b"])
STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Put, NAMES.map("value:{}".format), VALUES),
    st.builds(Check, NAMES.map("value:{}".format), VALUES),
    st.builds(
        Take,
        NAMES.map("bucket:{}".format),
        rate=st.sampled_from([0.5, 1.0, 3.0]),
        burst=st.sampled_from([1.0, 2.0, 5.0]),
    ),
    st.builds(Note, NAMES, FIELDS, VALUES, st.sampled_from([0, 60])),
    st.builds(NoteFirst, NAMES, FIELDS, VALUES, st.integers(1, 3)),
    st.builds(Push, NAMES.map("pushed:{}".format), VALUES, st.integers(1, 3), st.just(60)),
    st.builds(
        Turn,
        NAMES.map("turns:{}".format),
        FIELDS,
        TURNING,
        st.integers(1, 3),
        st.just(60),
        st.just("turned"),
    ),
)
RUNS = st.lists(st.tuples(st.lists(STEPS, max_size=5), st.integers(0, 9)), max_size=8)


@pytest.fixture
def shared(settings: Any) -> Iterator[RedisCallStore]:
    """Return the store in Redis."""
    yield RedisCallStore(settings.REDIS_URL)


def run(store: CallStore, steps: list[Step], at: int) -> bool | str:
    """Take steps and return what that came to."""
    try:
        return store.run(steps, now=1000.0 + at / 4)
    except Moved as moved:
        return moved.value


def outcome(store: CallStore, runs: list[tuple[list[Step], int]]) -> list[object]:
    """Return all that can be seen of a store when these steps were taken."""
    found: list[object] = [run(store, steps, at) for steps, at in runs]
    for name in ("a", "b"):
        found += [store.fields(name, ["1", "3"]), store.notes(name), store.take_notes(name)]
        found += [store.take_notes(name), store.notes(name)]
        found += [store.notes(f"turns:{name}"), store.pushed(f"pushed:{name}")]
    return [*found, store.take_turned("turned"), store.take_turned("turned")]


@pytest.mark.redis
@examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(runs=RUNS)
def test_both_stores_say_the_same(
    shared: RedisCallStore, runs: list[tuple[list[Step], int]]
) -> None:
    cache.clear()

    assert outcome(shared, runs) == outcome(MemoryCallStore(), runs)


@pytest.mark.redis
def test_an_empty_bucket_ends_the_steps(shared: RedisCallStore) -> None:
    for store in (shared, MemoryCallStore()):
        steps = [Take("bucket:a", 1, 1), Note("a", "1", "x")]

        assert store.run(steps, now=1.0)
        assert store.take_notes("a") == {"1": "x"}
        assert not store.run(steps, now=1.0)
        assert store.notes("a") == {}


def test_memory_forgets_the_names_used_longest_ago() -> None:
    store = MemoryCallStore(names_most={"exchanges": 2})
    for number in (1, 2, 1, 3):
        store.run([Push(f"exchanges:{number}", "x", 5, 60)], now=1.0)

    assert [len(store.pushed(f"exchanges:{number}")) for number in (1, 2, 3)] == [2, 0, 1]
