"""Lock of a data directory: one agent at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.config import ConfigInvalid
from edge_agent.service.exceptions import AlreadyRunning

_NAME = "agent.lock"


@contextmanager
def instance_lock(data_dir: Path) -> Iterator[None]:
    """Hold the lock; the operating system releases it however the process ends.

    Raises:
        AlreadyRunning: another agent holds it.
        ConfigInvalid: the directory cannot be made or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(data_dir / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise ConfigInvalid(f"data_dir: {data_dir} cannot be used: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(f"another agent is using {data_dir}") from error
        yield
    finally:
        os.close(handle)


def is_held(data_dir: Path) -> bool:
    """Whether an agent is running on this directory."""
    path = data_dir / _NAME
    if not path.exists():
        return False
    handle = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False
