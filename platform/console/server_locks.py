"""Lock files of the processes that serve from this folder, and checks of free ports.

A lock is shared by all processes that serve; the operating system releases it however a process
ends.
"""

import errno
import fcntl
import ipaddress
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.management.base import CommandError

SERVING = "serving.lock"
SERVING_BEYOND = "serving-beyond.lock"  # beyond loopback


@contextmanager
def serving(host: str) -> Iterator[None]:
    """Hold the lock of a process that serves at an address; waits while ``unserved`` is held."""
    marks = [SERVING] if is_loopback(host) else [SERVING, SERVING_BEYOND]
    handles = []
    try:
        for name in marks:
            handles.append(_opened(name))
            fcntl.flock(handles[-1], fcntl.LOCK_SH)
        yield
    finally:
        for handle in handles:
            os.close(handle)


@contextmanager
def unserved(name: str = SERVING) -> Iterator[bool]:
    """Keep other processes from beginning to serve; False when one serves already."""
    handle = _opened(name)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(handle)


def port_require_free(host: str, port: int, *, instead: str) -> None:
    """Check that a port can be listened on.

    Args:
        host: address to listen on, or its name.
        port: of TCP.
        instead: the command with another port, as an example.

    Raises:
        CommandError: saying what is taken and what to do.
    """
    try:
        # The port apart from the name: one beyond 65,535 would be counted from 0 again.
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _name, address in found[:1]:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((address[0], port, *address[2:]))
    except (OSError, UnicodeError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise CommandError(
                f"port {port} on {host} is taken by another program; stop that one, "
                f"or choose another port, for example: {instead}"
            ) from error
        why = getattr(error, "strerror", None) or error
        raise CommandError(
            f"port {port} on {host} cannot be used ({why}); "
            f"choose another one, for example: {instead}"
        ) from error


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches what listens there; a name counts by its addresses."""
    try:
        found = socket.getaddrinfo(
            host or None, 0, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        return False  # nothing can listen there either
    return all(_is_loopback(str(address[0])) for *_, address in found)


def _is_loopback(text: str) -> bool:
    address = ipaddress.ip_address(text.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _opened(name: str) -> int:
    folder = Path(settings.VAR)
    folder.mkdir(parents=True, exist_ok=True)
    return os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
