"""Passwords are hashed in a small pool: nobody at a door waits for somebody who signs in."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher, check_password
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.urls import reverse

from server_common import password_pool
from server_common.password_pool import HashingBusy, HashingPool, PooledHasher, hashing_pool
from server_common.process_state import process_state_forget
from tests.support.wire import WireClient

HASHERS = ["server_common.password_pool.PooledHasher"]


@pytest.fixture
def pool(settings: object) -> Iterator[HashingPool]:
    """Return this process's pool, with one thread and room for three who wait."""
    settings.PASSWORD_SLOTS = 1  # type: ignore[attr-defined]
    settings.PASSWORD_HASHERS = HASHERS  # type: ignore[attr-defined]
    process_state_forget()
    yield hashing_pool()
    process_state_forget()


def test_what_is_stored_is_djangos(settings: object) -> None:
    settings.PASSWORD_HASHERS = HASHERS  # type: ignore[attr-defined]
    by_django = PBKDF2PasswordHasher().encode("word", "salt", 2)

    assert PooledHasher().encode("word", "salt", 2) == by_django
    assert check_password("word", by_django)
    assert not check_password("sword", by_django)


def test_what_is_beyond_the_room_is_refused_at_once_and_room_comes_back() -> None:
    pool = HashingPool(1, waiting=1)
    go, begun = threading.Event(), threading.Event()

    def slow() -> str:
        begun.set()
        go.wait(10)
        return threading.current_thread().name

    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(pool.run, slow)
        assert begun.wait(10)
        second = callers.submit(pool.run, str, 5)
        while True:
            try:
                pool.run(str, 6)
            except HashingBusy:
                break
        assert not second.done()
        go.set()

        assert (first.result(10).startswith("password"), second.result(10)) == (True, "5")
    assert pool.run(str, 7) == "7"


def test_errors_of_the_work_are_those_of_the_caller() -> None:
    pool = HashingPool(1, waiting=0)

    with pytest.raises(ZeroDivisionError):
        pool.run(lambda: 1 / 0)

    assert pool.run(str, 1) == "1"


@pytest.mark.django_db(transaction=True)
def test_doors_are_answered_while_thirty_sign_in(
    pool: HashingPool, wire: WireClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pool is held still: who had to wait for a password to be checked would never end."""
    User.objects.create(username="ann", password=PooledHasher().encode("word", "salt", 2))
    go = threading.Event()
    hashed = PBKDF2PasswordHasher.encode

    def held(hasher: PBKDF2PasswordHasher, password: str, salt: str, *_: object) -> str:
        go.wait(30)
        return hashed(hasher, password, salt, 2)

    monkeypatch.setattr(password_pool.PBKDF2PasswordHasher, "encode", held)
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
    for thread in threads:
        thread.start()
    try:
        # One is checked, three wait; everybody else holds no thread of the server any more.
        for _ in range(26):
            assert refused.acquire(timeout=30)

        assert wire.post("syheartbeat", {"deviceId": "0000001"})["ret"] == "0"
        assert wire.poll()[0] == []
    finally:
        go.set()
        for thread in threads:
            thread.join(30)
    assert answered == {503: 26, 200: 4}
