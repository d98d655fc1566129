"""Addresses, filters and bodies of the REST interface, taken from its own description."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.apps import apps
from drf_spectacular.generators import SchemaGenerator

from devices.models import AuditEntry
from tests.support.two_sites import Side, World

NOWHERE = 10**9
METHODS = ("get", "put", "patch", "post", "delete")
SCHEMA: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
PATHS: dict[str, dict[str, Any]] = SCHEMA["paths"]
LISTS = sorted(path for path, methods in PATHS.items() if "{" not in path and "get" in methods)
FILTERS = {
    path: [
        parameter["name"]
        for parameter in PATHS[path]["get"].get("parameters", [])
        if parameter["in"] == "query"
    ]
    for path in LISTS
}
DETAILS = sorted(path for path in PATHS if "{id}" in path)


def row_of(side: Side, path: str) -> Any:
    """Return the row of a site that a detail address is about."""
    kind = path.removeprefix("/api/v1/").split("/", 1)[0]
    return {
        "sites": side.site,
        "libraries": side.library,
        "devices": side.terminal,
        "people": side.person,
        "deliveries": side.delivery,
        "revocations": side.revocation,
        "records": side.record,
        "alerts": side.alert,
        "commands": side.command,
        "jobs": side.job,
        "audit": AuditEntry.objects.filter(site_id=side.site.pk).first(),
    }[kind]


def everything() -> dict[str, list[dict[str, Any]]]:
    """Return all rows of the platform, to see whether anything changed."""
    return {
        model.__name__: list(model._default_manager.order_by("pk").values())
        for app in ("devices", "faces", "records")
        for model in apps.get_app_config(app).get_models()
    }


def taken(path: str) -> set[str]:
    """Return the fields that a POST takes; others are refused before a row is looked for."""
    content = PATHS[path]["post"].get("requestBody", {}).get("content", {})
    found: set[str] = set()
    for body in content.values():
        kind = body["schema"].get("$ref", "").rpartition("/")[2]
        found |= set(SCHEMA["components"]["schemas"].get(kind, {}).get("properties", {}))
    return found


def bodies(path: str, world: World) -> Iterator[dict[str, Any]]:
    """Yield bodies that would be fine, were the rows they name not another site's."""
    ours, theirs = world.ours, world.theirs
    for site, library in (
        (theirs.site.pk, theirs.library.pk),
        (theirs.site.pk, ours.library.pk),
        (ours.site.pk, theirs.library.pk),
    ):
        body = {
            "site": site,
            "library": library,
            "libraries": [library],
            "user_id": "new",
            "device_id": "new",
            "name": "new",
            "kind": "sync_time",
            "devices": [theirs.terminal.pk],
        }
        yield {name: value for name, value in body.items() if name in taken(path)}


RECORDED = Path(__file__).parents[1] / "contract" / "openapi.yaml"


OPERATIONS = sorted(
    (path, method)
    for path, methods in PATHS.items()
    for method in methods
    if not path.endswith("/schema/")
)
BODIES = [one for one in OPERATIONS if one[1] in {"post", "put", "patch"}]


def address(path: str, world: World) -> str:
    """Return the address for a row of ours."""
    return path.replace("{id}", str(row_of(world.ours, path).pk)) if "{id}" in path else path
