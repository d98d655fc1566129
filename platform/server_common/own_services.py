"""Hosts and ports of the platform's own database, queue, files and pages."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

Place = tuple[str, int]
_PORTS = {
    "redis": 6379, "rediss": 6379, "amqp": 5672, "amqps": 5671, "http": 80, "https": 443,
}  # fmt: skip
_DATABASE_PORTS = {"postgresql": 5432, "mysql": 3306, "oracle": 1521}
# What this process itself serves at; it is known when it has begun to.
_listening: set[Place] = set()


def listening_at(host: str, port: int) -> None:
    """Remember that this process serves at an address."""
    _listening.add((host, port))


def own_services() -> frozenset[Place]:
    """Return host and port of every service of the platform that its settings name."""
    places = {*_listening, *_databases(), *_addresses()}
    return frozenset((host, port) for host, port in places if host and port)


def _databases() -> Iterator[Place]:
    entries: dict[str, Any] = settings.DATABASES
    for entry in entries.values():
        host, engine = str(entry.get("HOST") or ""), str(entry.get("ENGINE", ""))
        usual = _DATABASE_PORTS.get(engine.rsplit(".", 1)[-1], 0)
        # A path is a socket in a folder, which no terminal's address leads to.
        if host and not host.startswith("/"):
            yield host, int(entry.get("PORT") or usual)


def _addresses() -> Iterator[Place]:
    named: list[Any] = [
        getattr(settings, name, "")
        for name in ("REDIS_URL", "CELERY_BROKER_URL", "PUBLIC_URL", "PICTURE_URL")
    ]
    caches: dict[str, Any] = settings.CACHES
    storages: dict[str, Any] = settings.STORAGES
    named += [entry.get("LOCATION", "") for entry in caches.values()]
    named += [entry.get("OPTIONS", {}).get("endpoint_url") for entry in storages.values()]
    named += [f"//{place}" for place in settings.OWN_SERVICES]
    for one in named:
        for text in one if isinstance(one, list | tuple) else str(one or "").split(";"):
            parts = urlsplit(str(text))
            if parts.hostname:
                yield parts.hostname, parts.port or _PORTS.get(parts.scheme, 0)
