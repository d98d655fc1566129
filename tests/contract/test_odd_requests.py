"""Whatever a program sends, the REST interface answers in its own shape and never breaks."""

import json
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient

from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

SCHEMA = SchemaGenerator().get_schema(request=None, public=True)
OPERATIONS = sorted(
    (path, method)
    for path, methods in SCHEMA["paths"].items()
    for method in methods
    if method in {"post", "put", "patch"}
)
FIELDS = sorted(
    {
        name
        for kind, schema in SCHEMA["components"]["schemas"].items()
        for name in schema.get("properties", {})
        if "In" in kind
    }
)
QUERIES = sorted(
    (path, parameter["name"])
    for path, methods in SCHEMA["paths"].items()
    for parameter in methods.get("get", {}).get("parameters", [])
    if parameter["in"] == "query" and "{" not in path
)

ODD_TEXT = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="\x00\ud800\udfff\u200b\u202e0123456789.eE+-[]{},\"' ", max_size=20),
    st.sampled_from(["1e999", "-1e999999", "NaN", "Infinity", "[" * 3000, "9" * 5000, "١", "null"]),
)
ODD = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.integers(min_value=-(2**70), max_value=2**70),
        st.floats(allow_nan=False),
        ODD_TEXT,
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)
FUZZ = settings(
    max_examples=60,
    deadline=None,
    # Rows pile up within one transaction; that is part of the oddness.
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def address(path: str, world: World) -> str:
    """Return an address with the id of a row of ours."""
    kind = path.removeprefix("/api/v1/").split("/", 1)[0]
    row = {
        "sites": world.ours.site,
        "libraries": world.ours.library,
        "devices": world.ours.terminal,
        "people": world.ours.person,
        "alerts": world.ours.alert,
    }.get(kind)
    return path.replace("{id}", str(row.pk if row else 0))


def assert_answered(response: Any) -> None:
    """Check that an answer is one of ours: JSON, and for a refusal a code and a sentence."""
    assert response.status_code < 500
    if response.status_code == 204:
        return
    body = response.json()
    if response.status_code >= 400:
        assert isinstance(body["error"], str)
        assert body["error"]
        assert body["detail"]
        assert set(body) <= {"error", "detail", "fields"}


@given(data=st.data())
@FUZZ
def test_any_value_in_any_field(root: APIClient, world: World, data: st.DataObject) -> None:
    path, method = data.draw(st.sampled_from(OPERATIONS))
    odd = data.draw(st.dictionaries(st.sampled_from(FIELDS), ODD, min_size=1, max_size=3))
    good = {"site": world.ours.site.pk, "name": "n", "user_id": "u", "device_id": "d"}

    response = getattr(root, method)(
        address(path, world), json.dumps({**good, **odd}), content_type="application/json"
    )

    assert_answered(response)


@given(data=st.data())
@FUZZ
def test_any_value_in_any_filter(root: APIClient, world: World, data: st.DataObject) -> None:
    path, name = data.draw(st.sampled_from(QUERIES))
    value = data.draw(ODD_TEXT).encode("utf-8", "surrogatepass")

    if not path.endswith("/schema/"):
        assert_answered(root.get(path, {name: value}))


@given(path=st.sampled_from([path for path, _ in OPERATIONS]), body=st.binary(max_size=60))
@FUZZ
def test_any_bytes_as_a_body(root: APIClient, world: World, path: str, body: bytes) -> None:
    for content_type in (
        "application/json",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ):
        assert_answered(root.post(address(path, world), body, content_type=content_type))


@pytest.mark.parametrize("charset", ["hex", "undefined", "idna", "rot13", "utf-16", "foo", "\xff"])
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_odd_charsets(root: APIClient, world: World, kind: str, charset: str) -> None:
    """Python knows "charsets" that are none; they used to reach the parser."""
    response = root.post("/api/v1/sites/", b"{}", content_type=f"{kind}; charset={charset}")

    assert response.status_code == 400
    assert_answered(response)


@pytest.mark.parametrize(
    "body",
    [b"[" * 200_000, b'{"a":' * 200_000, b'{"site": 1e999}', b'{"site": ' + b"9" * 5000 + b"}"],
)
@pytest.mark.parametrize("path", ["people", "devices", "libraries"])
def test_bodies_that_used_to_break(root: APIClient, path: str, body: bytes) -> None:
    response = root.post(f"/api/v1/{path}/", body, content_type="application/json")

    assert response.status_code == 400
    assert_answered(response)


@pytest.mark.parametrize(
    ("field", "value"), [("sex", "\ud800"), ("state", "\udfff"), ("user_type", "\ud800")]
)
def test_a_refusal_that_quotes_half_a_character_can_be_sent(
    root: APIClient, world: World, field: str, value: str
) -> None:
    body = {"site": world.ours.site.pk, "user_id": "u", "name": "n", field: value}

    response = root.post("/api/v1/people/", json.dumps(body), content_type="application/json")

    assert response.status_code == 400
    assert set(response.json()["fields"]) == {field}


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_body_is_read_up_to_the_limit_only(root: APIClient, settings: Any, kind: str) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    response = root.post("/api/v1/sites/", b" " * 1001, content_type=kind)

    assert (response.status_code, response.json()["error"]) == (413, "too_large")
    assert root.post("/api/v1/sites/", b" " * 1000, content_type=kind).status_code == 400


def test_a_form_of_too_many_fields_is_refused(root: APIClient) -> None:
    body = "&".join(f"a{number}=1" for number in range(2000))

    response = root.post("/api/v1/people/", body, content_type="application/x-www-form-urlencoded")

    assert response.status_code == 400
    assert_answered(response)


@pytest.mark.parametrize("row", ["0", "-1", "x", "9" * 30, "9" * 5000, "1.5", "%00", "%FF", "١٢٣٤"])
@pytest.mark.parametrize("kind", ["sites", "libraries", "devices", "people", "records", "alerts"])
def test_odd_addresses_are_not_there(root: APIClient, kind: str, row: str) -> None:
    for method in ("get", "delete"):
        response = getattr(root, method)(f"/api/v1/{kind}/{row}/")
        assert response.status_code in {404, 405}
        assert_answered(response)


@pytest.mark.parametrize("page", ["0", "-1", "x", "9" * 30, "\x00", "1.5"])
def test_odd_pages_are_not_there(root: APIClient, page: str) -> None:
    response = root.get("/api/v1/people/", {"page": page})

    assert response.status_code == 404
    assert_answered(response)


def test_a_page_is_never_longer_than_agreed(root: APIClient, world: World) -> None:
    for size in ("0", "-5", "x", "99999999999999999999"):
        assert root.get("/api/v1/people/", {"page_size": size}).status_code == 200


def test_what_is_nowhere_is_told_in_json(root: APIClient) -> None:
    response = root.get("/api/v1/nothing/here/")

    assert (response.status_code, response.json()["error"]) == (404, "not_found")


def test_a_forgotten_slash_is_added(root: APIClient) -> None:
    response = root.get("/api/v1/people")

    assert response.status_code == 301
    assert response["Location"].endswith("/api/v1/people/")


def test_methods_and_kinds_nobody_expects(root: APIClient) -> None:
    for response in (
        root.put("/api/v1/people/", {}, format="json"),
        root.post("/api/v1/people/", "x", content_type="text/plain"),
        root.get("/api/v1/people/", HTTP_ACCEPT="application/xml"),
        root.get("/api/v1/identify/"),
    ):
        assert response.status_code in {405, 406, 415}
        assert_answered(response)
