"""Passwords are hashed in a small pool: nobody at a door waits for somebody who signs in."""

import itertools
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from hashlib import pbkdf2_hmac
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.urls import reverse

from server_common import password_pool, password_process
from server_common.password_pool import (
    HashingBusy,
    HashingPool,
    HashingProcess,
    PooledHasher,
    hashing_pool,
)
from tests.support.wire import WireClient

HASHERS = ["server_common.password_pool.PooledHasher"]


@pytest.fixture
def pool(settings: object) -> Iterator[HashingPool]:
    """Return this process's pool, with one process and room for three who wait."""
    settings.PASSWORD_SLOTS = 1  # type: ignore[attr-defined]
    settings.PASSWORD_HASHERS = HASHERS  # type: ignore[attr-defined]
    hashing_pool.cache_clear()
    yield hashing_pool()
    hashing_pool().end()
    hashing_pool.cache_clear()


@pytest.mark.usefixtures("pool")
def test_what_is_stored_is_djangos() -> None:
    by_django = PBKDF2PasswordHasher().encode("word", "salt", 2)

    assert PooledHasher().encode("word", "salt", 2) == by_django
    assert check_password("word", by_django)
    assert not check_password("sword", by_django)


def derived(pool: HashingPool | HashingProcess, password: str = "word") -> bytes:
    return pool.derive(password, "salt", iterations=2, digest="sha256")


def by_hashlib(password: str = "word") -> bytes:
    return pbkdf2_hmac("sha256", password.encode(), b"salt", 2)


@pytest.fixture
def process() -> Iterator[HashingProcess]:
    """Return a process that has started."""
    process = HashingProcess()
    derived(process)
    yield process
    process.end()


@contextmanager
def held(pid: int | None) -> Iterator[None]:
    """Keep a process from working."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_what_is_beyond_the_room_is_refused_at_once_and_room_comes_back(
    process: HashingProcess,
) -> None:
    pool = HashingPool([process], waiting=1)

    with ThreadPoolExecutor(3) as callers:
        with held(process.pid):
            asked = [callers.submit(derived, pool) for _ in range(3)]
            first = next(as_completed(asked, timeout=30))
            assert isinstance(first.exception(), HashingBusy)
            assert not pool.has_room

        assert [one.result(30) for one in asked if one is not first] == [by_hashlib()] * 2
    assert pool.has_room
    assert derived(pool, "other") == by_hashlib("other")


def test_errors_of_the_work_are_those_of_the_caller() -> None:
    pool = HashingPool([HashingProcess()], waiting=0)

    with pytest.raises(UnicodeEncodeError):
        derived(pool, "\ud800")

    assert derived(pool) == by_hashlib()
    pool.end()


def test_a_process_that_died_is_replaced(process: HashingProcess) -> None:
    before = process.pid
    assert before is not None

    with ThreadPoolExecutor(1) as caller:
        os.kill(before, signal.SIGSTOP)
        asked = caller.submit(derived, process, "other")
        # In the middle of it, or before it: both are to be survived.
        os.kill(before, signal.SIGKILL)
        assert asked.result(30) == by_hashlib("other")

    assert process.pid not in {None, before}


def test_an_answer_that_was_not_waited_for_is_nobodys(
    process: HashingProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one would be let in with another's password."""
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(password_pool, "_pipe", interrupted_at_third(password_pool._pipe))
        derived(process, "first")

    assert derived(process, "second") == by_hashlib("second")


def interrupted_at_third(pipe: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a way to a process's pipes that is interrupted before the answer is read."""
    taken = itertools.count(1)

    def interrupted(given: Any) -> Any:
        if next(taken) == 3:
            raise KeyboardInterrupt
        return pipe(given)

    return interrupted


def test_a_process_steps_back_and_ends_with_its_input(process: HashingProcess) -> None:
    """The server itself has no thread that steps back: it could keep the interpreter's lock."""
    assert process.pid is not None
    assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(
        19, os.getpriority(os.PRIO_PROCESS, 0) + 10
    )

    done = subprocess.run(
        [sys.executable, "-I", "-S", password_process.__file__],
        input="", capture_output=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_steps_back_is_no_part_of_the_server(pool: HashingPool) -> None:
    derived(pool)

    own = {
        os.getpriority(os.PRIO_PROCESS, int(one.name)) for one in Path("/proc/self/task").iterdir()
    }
    assert own == {os.getpriority(os.PRIO_PROCESS, 0)}


@pytest.mark.django_db(transaction=True)
def test_doors_are_answered_while_thirty_sign_in(pool: HashingPool, wire: WireClient) -> None:
    """The pool is held still: who had to wait for a password to be checked would never end."""
    User.objects.create(username="ann", password=PooledHasher().encode("word", "salt", 2))
    answered: Counter[int] = Counter()
    refused = threading.Semaphore(0)

    def sign_in(number: int) -> None:
        answer = Client(REMOTE_ADDR=f"10.0.0.{number}").post(
            reverse("console:sign-in"), {"username": "ann", "password": "wrong"}
        )
        answered[answer.status_code] += 1
        if answer.status_code == 503:
            assert int(answer["Retry-After"]) > 0
            assert "try again" in answer.content.decode()
            refused.release()
        connections.close_all()

    threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(30)]
    with held(pool.pids[0]):
        for thread in threads:
            thread.start()
        # One is checked, three wait; everybody else holds no thread of the server any more.
        for _ in range(26):
            assert refused.acquire(timeout=30)

        assert wire.post("syheartbeat", {"deviceId": "0000001"})["ret"] == "0"
        assert wire.poll()[0] == []
    for thread in threads:
        thread.join(60)
    assert answered == {503: 26, 200: 4}
