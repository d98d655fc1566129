"""Every request has an id to be found by in the log."""

import os

from server_common.request_ids import new_request_id


def test_ids_are_eight_digits_and_differ() -> None:
    made = [new_request_id() for _ in range(1000)]

    assert all(len(one) == 8 and int(one, 16) >= 0 for one in made)
    assert len(set(made)) > 990


def test_forked_workers_do_not_count_the_same() -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, new_request_id().encode())
        os._exit(0)
    os.waitpid(child, 0)

    assert os.read(reading, 8).decode() != new_request_id()
    os.close(reading)
    os.close(writing)
