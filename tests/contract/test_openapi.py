"""The description of the REST interface is a contract: complete, valid, and as recorded."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import reverse
from rest_framework.test import APIClient

from tests.support.rest_addresses import RECORDED
from tests.support.two_sites import World

GUIDE = Path(__file__).parents[2] / "docs" / "rest-api.md"


# How large a whole number may be depends on the database that describes itself.
DATABASE_LIMITS = {sign * 2**bits - (sign > 0) for sign in (1, -1) for bits in (15, 31, 63)}


def binding(described: Any) -> Any:
    """Drop sentences, which may become better, and limits of the database, which nobody chose."""
    if isinstance(described, dict):
        return {
            key: binding(value)
            for key, value in described.items()
            if not (
                (key in {"description", "title"} and isinstance(value, str))
                or (key in {"minimum", "maximum"} and value in DATABASE_LIMITS)
                or (key, value) == ("format", "int64")
            )
        }
    if isinstance(described, list):
        return [binding(one) for one in described]
    return described


@pytest.mark.slow
def test_the_description_is_valid_and_as_recorded(tmp_path: Path) -> None:
    """A change of it is meant, and seen in review.

    Recorded by: python manage.py spectacular --validate --file tests/contract/openapi.yaml
    """
    generated = tmp_path / "openapi.yaml"

    call_command("spectacular", file=str(generated), validate=True, fail_on_warn=True)

    assert binding(yaml.safe_load(generated.read_text())) == binding(
        yaml.safe_load(RECORDED.read_text())
    )


@pytest.mark.django_db
@pytest.mark.sqlite
def test_schema_and_documentation_are_served_from_here(root: APIClient) -> None:
    schema = root.get(reverse("schema"))
    docs = root.get(reverse("docs"))

    assert schema.status_code == 200
    assert yaml.safe_load(schema.content)["openapi"].startswith("3.")
    assert docs.status_code == 200
    page = docs.content.decode()
    assert "/static/drf_spectacular_sidecar/" in page
    # Not a search for "cdn": the page carries random tokens, which once contained it.
    loaded = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert loaded
    assert [one for one in loaded if not re.match(r"/(?!/)", one)] == []


@pytest.mark.django_db
@pytest.mark.sqlite
@pytest.mark.parametrize("name", ["schema", "docs"])
def test_schema_and_documentation_are_for_members(
    guard: APIClient, outsider: APIClient, name: str
) -> None:
    address = reverse(name)

    assert guard.get(address).status_code == 200
    assert outsider.get(address).status_code == 403
    assert APIClient().get(address).status_code == 401


@pytest.mark.slow
def test_every_refusal_is_described() -> None:
    """A program that is made from the description knows what it can meet."""
    for path, methods in yaml.safe_load(RECORDED.read_text())["paths"].items():
        for method, operation in methods.items():
            described = set(operation["responses"])
            wanted = {"400", "401", "403", "429"}
            wanted |= {"404"} if "{id}" in path else set()
            wanted |= {"413", "415"} if method in {"post", "put", "patch"} else set()
            assert wanted <= described, (path, method)


def test_busy_is_described_where_pictures_are_taken() -> None:
    """One that finds too many others before it is told 503, and when to come again."""
    told = {
        (path.removeprefix("/api/v1"), method)
        for path, methods in yaml.safe_load(RECORDED.read_text())["paths"].items()
        for method, operation in methods.items()
        if "503" in operation["responses"]
    }

    assert {
        ("/identify/", "post"),
        ("/people/", "post"),
        ("/people/{id}/", "put"),
        ("/people/{id}/", "patch"),
    } == told


@pytest.mark.django_db
@pytest.mark.sqlite
def test_the_root_leads_everywhere(root: APIClient, world: World) -> None:
    contents = root.get("/api/v1/").json()

    assert set(contents) == {
        "sites", "libraries", "devices", "people", "deliveries", "revocations", "records", "alerts",
        "commands", "audit", "jobs", "refused-calls", "index", "index-rebuild", "identify",
        "schema", "docs",
    }  # fmt: skip
    for name, address in contents.items():
        assert root.get(address).status_code in {200, 405}, name


def test_the_guide_names_every_address_and_filter() -> None:
    """The table of docs/rest-api.md: one line for an address, its filters in the last column."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in GUIDE.read_text().splitlines()
        if line.startswith("| `")
    ]
    documented = {
        address: set(re.findall(r"`(\w+)`", row[-1]))
        for row in rows
        for address in re.findall(r"`([^`]+)`", row[0])
    }
    everywhere = {"cursor", "page", "page_size"}
    for path, methods in yaml.safe_load(RECORDED.read_text())["paths"].items():
        address = path.removeprefix("/api/v1/").replace("{id}", "<id>")
        if address.count("/") == 2 and address.endswith("/<id>/"):
            address = address.removesuffix("<id>/")  # the rows of a list
        if address == "schema/":
            continue
        assert address in documented
        for operation in methods.values():
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "query" and parameter["name"] not in everywhere:
                    assert parameter["name"] in documented[address], address
