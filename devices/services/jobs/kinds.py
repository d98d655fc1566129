"""Kinds of jobs; the apps register theirs when they are ready.

    job_kind_register(JobKind("records.alerts_clear", title=…, step=…, words=…))

A step does one bounded batch within the transaction that also moves the job on. It must be right
whatever happened to the rows since it was asked for: rows may be gone, or done already.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devices.models import Job


@dataclass(frozen=True, slots=True)
class JobStep:
    """What one batch has done.

    Attributes:
        position: where the next one begins, as JSON of the kind's own.
        done: how far the job moved, in the units of its ``total``.
        counts: what is added to the job's result.
        is_over: nothing is left to do.
    """

    position: Any
    done: int
    counts: Mapping[str, int] = field(default_factory=dict)
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class JobKind:
    """One kind of work.

    Attributes:
        name: "app.what", stored with the job.
        title: what a job of this total is called on pages: what is done, and to how many of what.
        step: does the next batch of a job.
        words: says the result in a sentence.
        at_once: a job of at most this total is done by the caller itself.
    """

    name: str
    title: Callable[[int], str]
    step: Callable[[Job], JobStep]
    words: Callable[[Mapping[str, Any]], str]
    at_once: int = 100


_kinds: dict[str, JobKind] = {}


def job_kind_register(kind: JobKind) -> None:
    """Make a kind known; a second one of the same name is a mistake.

    Raises:
        ValueError: the name is taken.
    """
    if _kinds.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"there are two kinds of jobs called {kind.name}")


def job_kind(name: str) -> JobKind | None:
    """Return a kind by its name; None for one that this version does not know."""
    return _kinds.get(name)


def job_kinds_all() -> list[str]:
    """Return the names of all kinds."""
    return sorted(_kinds)


def title_of(words: Any) -> Callable[[int], str]:
    """Return the title of a kind: a lazy plural about its total, ``%(count)d``."""
    return lambda total: str(words % {"count": total})


def result_of(words: Any, *, count: str) -> Callable[[Mapping[str, Any]], str]:
    """Return the words of a kind: a lazy plural about one number of its result.

    Args:
        words: with ``%(count)d``.
        count: the number's name in the result.
    """
    return lambda result: str(words % {"count": result.get(count, 0)})


def over_ids(
    work: Callable[[Job, list[int]], int], *, batch: int, count: str
) -> Callable[[Job], JobStep]:
    """Return the step of a kind that works through ``arguments["ids"]``.

    Args:
        work: does a batch of rows and returns how many it changed.
        batch: how many rows at once.
        count: name of their number in the result.
    """

    def step(job: Job) -> JobStep:
        begin = job.position or 0
        ids: Sequence[int] = job.arguments["ids"]
        chosen = list(ids[begin : begin + batch])
        changed = work(job, chosen) if chosen else 0
        end = begin + len(chosen)
        return JobStep(end, len(chosen), {count: changed}, is_over=end >= len(ids))

    return step
