"""Every refusal of the REST interface has one shape, at every address and from every caller.

Addresses come from the OpenAPI description, so that one added later is walked as well.
"""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from rest_framework.test import APIClient

from tests.support.rest_addresses import BODIES, OPERATIONS, RECORDED, address
from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
METHODS = ("get", "post", "put", "patch", "delete", "options", "trace")


def has_house_shape(response: Any) -> bool:
    """Return whether a refusal says why by a code and in a sentence, and in JSON."""
    if not response["Content-Type"].startswith("application/json"):
        return False
    said = response.json()
    return (
        isinstance(said.get("error"), str)
        and isinstance(said.get("detail"), str)
        and bool(said["error"])
        and bool(said["detail"])
        and ("fields" in said) == (said["error"] == "invalid")
    )


def called(client: APIClient, method: str, where: str, **more: Any) -> Any:
    """Call an address; a picture that is answered is read to its end, which closes it."""
    response: Any = client.generic(method.upper(), where, **more)
    if response.streaming:
        b"".join(response.streaming_content)
    return response


def odd(found: Iterator[tuple[str, str, Any]]) -> list[Any]:
    """Return which refusals have another shape; what is no refusal at all is none."""
    return [
        (path, method, response.status_code, response.content[:200])
        for path, method, response in found
        if 400 <= response.status_code < 500 and not has_house_shape(response)
    ]


def refusals(world: World, callers: dict[str, APIClient]) -> Iterator[tuple[str, str, Any]]:
    """Yield what every address answers to what it must refuse."""
    for path, method in OPERATIONS:
        where = address(path, world)
        for client in callers.values():
            yield path, method, called(client, method, where)
        root = callers["root"]
        if "{id}" in path:
            for number in ("99999999", "x", "1" * 30):
                nowhere = path.replace("{id}", number)
                yield path, method, called(root, method, nowhere)
        yield path, method, called(root, method, where + "?nam=x")
        for name in ("page", "cursor", "site", "since", "kind"):
            if method == "get":
                yield path, method, called(root, method, f"{where}?{name}=-x")
        yield path, method, called(root, method, where, HTTP_ACCEPT="application/pdf")


@pytest.mark.slow
def test_refusals_of_every_address_have_one_shape(
    world: World, root: APIClient, guard: APIClient, outsider: APIClient
) -> None:
    wrong = APIClient(HTTP_AUTHORIZATION="Token no-such-key")
    half = APIClient(HTTP_AUTHORIZATION="Token")
    callers = {
        "nobody": APIClient(), "wrong": wrong, "half": half, "outsider": outsider,
        "guard": guard, "root": root,
    }  # fmt: skip

    found = list(refusals(world, callers))

    assert odd(iter(found)) == []
    statuses = {response.status_code for _path, _method, response in found}
    assert {400, 401, 403, 404} <= statuses


@pytest.mark.slow
def test_refused_bodies_have_one_shape(world: World, root: APIClient) -> None:
    def found() -> Iterator[tuple[str, str, Any]]:
        for path, method in BODIES:
            call, where = getattr(root, method), address(path, world)
            for body, kind in (
                (b"{", "application/json"),
                (b"[]", "application/json"),
                (b"null", "application/json"),
                (b'"x"', "application/json"),
                (b"[" * 20_000, "application/json"),
                (b"\xff", "application/json"),
                (b"x", "text/plain"),
                (b"--x", "multipart/form-data"),
                (b"--x\r\n", "multipart/form-data; boundary=x"),
                (b"a=1&" * 2000, "application/x-www-form-urlencoded"),
            ):
                yield path, method, call(where, body, content_type=kind)

    told = list(found())

    assert odd(iter(told)) == []
    assert {400, 415} <= {response.status_code for _path, _method, response in told}


@pytest.mark.slow
def test_wrong_methods_have_one_shape(world: World, root: APIClient) -> None:
    paths = sorted({path for path, _method in OPERATIONS})
    found = [
        (path, method, called(root, method, address(path, world)))
        for path in paths
        for method in METHODS
        if (path, method) not in OPERATIONS
    ]

    assert odd(iter(found)) == []
    assert 405 in {response.status_code for _path, _method, response in found}


def test_every_described_refusal_has_the_shape() -> None:
    """Also those that only a rare state of the platform leads to."""
    described = yaml.safe_load(RECORDED.read_text())
    without = []
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            for status, answer in operation["responses"].items():
                if not status.startswith("4") or "content" not in answer:
                    continue
                name = answer["content"]["application/json"]["schema"]["$ref"].rsplit("/", 1)[-1]
                shape = described["components"]["schemas"][name]
                if not {"error", "detail"} <= set(shape["required"]):
                    without.append((path, method, status, name))

    assert without == []
