"""The REST interface, as its black-box checks use it."""

import time
from datetime import datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from rest_framework.test import APIClient

from devices.models import Site, SiteMembership, Terminal
from devices.services import site_create
from faces.models import FaceDescriptor, Gallery, Library, Person
from records.models import Record
from tests.support.people import enrol
from tests.support.sent_pictures import picture
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def api() -> APIClient:
    """Return a client with a token made on the command line."""
    out = StringIO()
    call_command("api_token", "checker", "--create-superuser", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {lines[0]}")
    return client


def upload(path: Path) -> SimpleUploadedFile:
    """Return a file as a browser uploads it."""
    return SimpleUploadedFile(path.name, path.read_bytes(), content_type="image/jpeg")


def test_nobody_gets_in_without_a_token(db: None) -> None:
    for path in ("sites", "libraries", "devices", "people", "deliveries", "records", "alerts"):
        response = APIClient().get(f"/api/v1/{path}/")
        assert response.status_code == 401
        assert response.json()["error"] == "not_authenticated"
    wrong = APIClient(headers={"Authorization": "Token wrong"})
    assert wrong.get("/api/v1/sites/").status_code == 401


def test_from_a_site_to_an_open_door(api: APIClient, portraits: dict[str, Path]) -> None:
    """One journey through everything, the way an integrator would write it."""
    site = api.post(
        "/api/v1/sites/",
        {"code": "tower", "name": "Tower", "auto_approve": True, "verification": "enforce"},
        format="json",
    ).json()
    assert "/t/" in site["base_url"]
    assert site["allow_bare_path"] is False
    library = api.post(
        "/api/v1/libraries/", {"site": site["id"], "name": "Staff"}, format="json"
    ).json()
    created = api.post(
        "/api/v1/devices/",
        {
            "device_id": "17",
            "site": site["id"],
            "libraries": [library["id"]],
            "name": "Gate",
            "status": "approved",
            "direction": "in",
            "unlock_delay_ms": 1500,
        },
        format="json",
    )
    assert created.status_code == 201
    device = created.json()
    assert device["libraries"] == [library["id"]]
    assert (device["online"], device["last_seen_at"]) == (False, None)

    enrolled = api.post(
        "/api/v1/people/",
        {
            "user_id": "111222",
            "site": site["id"],
            "libraries": [library["id"]],
            "name": "李二壮",
            "user_type": "student",
            "sex": 1,
            "remark": "学生",
            "photo": upload(portraits["obama.jpg"]),
        },
        format="multipart",
    )
    assert enrolled.status_code == 201
    person = enrolled.json()
    assert person["face_status"] == "ok"
    assert person["face_problems"] == []
    assert person["user_type"] == "student"
    assert person["libraries"] == [library["id"]]
    assert "photo" not in person

    def delivery() -> dict[str, Any]:
        found = api.get("/api/v1/deliveries/", {"device_id": "17", "user_id": "111222"}).json()
        assert found["count"] == 1
        return dict(found["results"][0])

    assert delivery()["state"] == "pending"
    wire = WireClient(token=site["base_url"].rsplit("/", 1)[1], device_id="17")
    wire.sync()
    assert set(wire.held) == {"111222"}
    assert delivery()["state"] == "sent"
    wire.post("syresult", {"resultList": {"userID": "111222", "status": "100", "msg": "ok"}})
    assert (delivery()["state"], delivery()["code"]) == ("stored", "100")
    assert api.get(f"/api/v1/devices/{device['id']}/").json()["online"] is True

    moment = int(time.time())
    answer = wire.post(
        "syface",
        {"userId": "111222", "userName": "李二壮", "temperature": "36.5", "mask": True,
         "screenTime": moment, "similarity": 80, "camType": "GATE",
         "img": picture(portraits["obama2.jpg"])},
    )  # fmt: skip
    assert (answer["openDoor"], answer["unlockDelay"]) == (1, 1500)
    record = api.get("/api/v1/records/", {"device_id": "17", "kind": "pass"}).json()["results"][0]
    assert record["user_id"] == "111222"
    assert record["user_name"] == "李二壮"
    assert datetime.fromisoformat(record["captured_at"]).timestamp() == moment
    assert record["captured_at"].endswith("Z")
    assert record["temperature_c"] == 36.5
    assert record["similarity"] == 80
    assert record["verification"]["result"] == "match"
    assert record["verification"]["score"] >= 60
    assert record["door_opened"] is True
    assert record["reason"] == "allowed"
    assert record["extras"] == {"camType": "GATE"}
    assert record["faults"] == []
    assert (record["is_late"], record["repeats"]) == (False, 0)
    shown = api.get(record["picture_url"])
    assert shown["Content-Type"] == "image/jpeg"
    assert shown.getvalue()[:3] == b"\xff\xd8\xff"  # type: ignore[attr-defined]

    found = api.post(
        "/api/v1/identify/",
        {"site": site["id"], "photo": upload(portraits["obama3.jpg"])},
        format="multipart",
    ).json()
    assert found["candidates"][0]["user_id"] == "111222"
    assert found["candidates"][0]["is_match"] is True

    assert api.delete(f"/api/v1/people/{person['id']}/").status_code == 204
    wire.sync()
    assert wire.held == {}
    assert FaceDescriptor.objects.count() == 0
    again = api.post(
        "/api/v1/identify/",
        {"site": site["id"], "photo": upload(portraits["obama3.jpg"])},
        format="multipart",
    ).json()
    assert again["candidates"] == []


def test_a_picture_without_a_face_is_refused_in_words(
    api: APIClient, site: Site, portraits: dict[str, Path]
) -> None:
    import io

    from PIL import Image

    blank = io.BytesIO()
    Image.new("RGB", (400, 400), "white").save(blank, "JPEG")

    response = api.post(
        "/api/v1/people/",
        {"user_id": "1", "site": site.pk, "name": "A",
         "photo": SimpleUploadedFile("a.jpg", blank.getvalue(), "image/jpeg")},
        format="multipart",
    )  # fmt: skip

    assert response.status_code == 201
    assert response.json()["face_status"] == "refused"
    assert response.json()["face_problems"] == ["no_face"]
    assert all(response.json()["face_advice"])


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xd8\xff", b"<svg/>", b"\x89PNG\r\n"])
def test_what_is_no_picture_is_refused_in_words(api: APIClient, site: Site, content: bytes) -> None:
    response = api.post(
        "/api/v1/people/",
        {"user_id": "1", "site": site.pk, "name": "A",
         "photo": SimpleUploadedFile("a.jpg", content, "image/jpeg")},
        format="multipart",
    )  # fmt: skip

    assert response.status_code == 201
    assert response.json()["face_status"] == "refused"
    assert len(response.json()["face_problems"]) == 1


def test_the_index_tells_size_and_is_rebuilt(
    api: APIClient, site: Site, library: Library, django_capture_on_commit_callbacks: Any
) -> None:
    enrol(library, "1")
    before = api.get("/api/v1/index/").json()
    assert (before["size"], before["pending"], before["built_at"]) == (1, 1, None)

    queued = api.post("/api/v1/index/rebuild/")
    from faces.services import gallery_rebuild

    gallery_rebuild(gallery_id=Gallery.objects.get().pk)

    after = api.get("/api/v1/index/").json()
    assert queued.status_code == 202
    assert (after["size"], after["pending"]) == (1, 0)
    assert after["built_at"].endswith("Z")
    assert after["model"].startswith("sface")


@pytest.mark.parametrize(
    ("given", "shown"),
    [(1, 1), ("2", 2), (3, 3), ("student", "student"), ("visitor", 2), ("blacklist", 3)],
)
def test_user_type_is_a_number_or_a_word(
    api: APIClient, site: Site, given: Any, shown: Any
) -> None:
    body = {"user_id": "1", "site": site.pk, "name": "A", "user_type": given}

    assert api.post("/api/v1/people/", body, format="json").json()["user_type"] == shown


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "site"),
        ({"user_id": "x" * 33, "name": "A"}, "user_id"),
        ({"user_id": "all", "name": "A"}, "user_id"),
        ({"user_id": "a\x00", "name": "A"}, "user_id"),
        ({"user_id": "1", "name": ""}, "name"),
        ({"user_id": "1", "name": "A", "sex": 9}, "sex"),
        ({"user_id": "1", "name": "A", "user_type": "x" * 17}, "user_type"),
        ({"user_id": "1", "name": "A", "libraries": [999999]}, "libraries"),
        ({"user_id": "1", "name": "A", "libraries": {"a": 1}}, "libraries"),
        ({"user_id": "1", "name": "A", "libraries": ["9" * 30]}, "libraries"),
        ({"user_id": "1", "name": "A", "valid_from": "2026-01-02T00:00:00Z",
          "valid_until": "2026-01-01T00:00:00Z"}, ""),
    ],
)  # fmt: skip
def test_bad_people_are_refused_by_field(
    api: APIClient, site: Site, body: dict[str, Any], field: str
) -> None:
    if body:
        body = {"site": site.pk, **body}

    response = api.post("/api/v1/people/", body, format="json")

    assert response.status_code == 400
    assert response.json()["error"] == "invalid"
    if field:
        assert field in response.json()["fields"]
    assert Person.objects.count() == 0


def test_a_user_id_is_taken_once_per_site(api: APIClient, site: Site) -> None:
    body = {"user_id": "1", "site": site.pk, "name": "A"}
    assert api.post("/api/v1/people/", body, format="json").status_code == 201
    assert api.post("/api/v1/people/", body, format="json").status_code == 400


def test_lists_have_the_agreed_envelope_and_constant_queries(
    api: APIClient, site: Site, library: Library, terminal: Terminal, wire: WireClient,
    django_assert_max_num_queries: Any,
) -> None:  # fmt: skip
    for number in range(5):
        enrol(library, str(number))
        Terminal.objects.create(site=site, device_id=f"d{number}")
        wire.post("syface", {"userId": str(number), "screenTime": 1589000000 + number,
                             "temperature": "38"})  # fmt: skip
    wire.sync()

    for path in ("sites", "libraries", "devices", "people", "deliveries", "records", "alerts"):
        with django_assert_max_num_queries(9):
            body = api.get(f"/api/v1/{path}/").json()
        assert set(body) == {"count", "next", "previous", "results"}
        assert body["count"] >= 1


def test_since_narrows_records_by_arrival(api: APIClient, wire: WireClient, site: Site) -> None:
    wire.post("syattribute", {"temperature": "36.5", "screenTime": 1})
    record = Record.objects.get()

    def count(since: str) -> int:
        return int(api.get("/api/v1/records/", {"since": since}).json()["count"])

    assert count(record.received_at.isoformat()) == 1
    assert count("2099-01-01T00:00:00Z") == 0
    assert api.get("/api/v1/records/", {"since": "yesterday"}).status_code == 400


def test_alerts_are_acknowledged_and_cleared(api: APIClient, wire: WireClient, site: Site) -> None:
    wire.post("syattribute", {"temperature": "38.1", "screenTime": 1})
    alert = api.get("/api/v1/alerts/", {"state": "active"}).json()["results"][0]
    assert (alert["kind"], alert["severity"], alert["device_id"]) == (
        "high_temperature",
        "critical",
        "0000001",
    )
    assert alert["record"] == Record.objects.get().pk

    seen = api.post(f"/api/v1/alerts/{alert['id']}/acknowledge/").json()
    closed = api.post(f"/api/v1/alerts/{alert['id']}/clear/").json()

    assert (seen["state"], seen["acknowledged_by"]) == ("acknowledged", "checker")
    assert closed["state"] == "cleared"


def test_a_manager_meets_nothing_of_another_site(
    site: Site, library: Library, terminal: Terminal, wire: WireClient
) -> None:
    """Invariant 5, on every endpoint and in both directions."""
    person = enrol(library, "1")
    wire.sync()
    wire.post("syface", {"userId": "1", "screenTime": 1, "temperature": "39"})
    other = site_create(code="other", name="Other")
    user = User.objects.create_user("manager")
    SiteMembership.objects.create(user=user, site=other)
    api = APIClient()
    api.force_authenticate(user)

    for path in ("libraries", "devices", "people", "deliveries", "records", "alerts"):
        assert api.get(f"/api/v1/{path}/").json()["count"] == 0
        assert api.get(f"/api/v1/{path}/", {"site": site.pk}).json()["count"] == 0
    assert [one["id"] for one in api.get("/api/v1/sites/").json()["results"]] == [other.pk]
    record = Record.objects.get()
    for path in (
        f"sites/{site.pk}", f"libraries/{library.pk}", f"devices/{terminal.pk}",
        f"people/{person.pk}", f"records/{record.pk}", f"records/{record.pk}/picture",
    ):  # fmt: skip
        assert api.get(f"/api/v1/{path}/").status_code == 404
        assert api.patch(f"/api/v1/{path}/", {"name": "x"}, format="json").status_code in {404, 405}
        assert api.delete(f"/api/v1/{path}/").status_code in {403, 404, 405}
    assert api.get("/api/v1/index/", {"site": site.pk}).json()["sites"] == []
    for path, body in (
        ("people", {"user_id": "2", "site": site.pk, "name": "x"}),
        ("people", {"user_id": "2", "site": other.pk, "name": "x", "libraries": [library.pk]}),
        ("libraries", {"site": site.pk, "name": "x"}),
        ("devices", {"site": site.pk, "device_id": "x"}),
        ("devices", {"site": other.pk, "device_id": "x", "libraries": [library.pk]}),
    ):
        assert api.post(f"/api/v1/{path}/", body, format="json").status_code == 400
    assert api.post("/api/v1/sites/", {"name": "x"}, format="json").status_code == 403
    person.refresh_from_db()
    assert person.name == "Person 1"


def test_a_guard_looks_and_acknowledges_and_changes_nothing(
    site: Site, library: Library, wire: WireClient
) -> None:
    wire.post("syattribute", {"temperature": "38.1", "screenTime": 1})
    user = User.objects.create_user("guard")
    SiteMembership.objects.create(user=user, site=site, role="guard")
    api = APIClient()
    api.force_authenticate(user)

    alert = api.get("/api/v1/alerts/").json()["results"][0]

    assert api.post(f"/api/v1/alerts/{alert['id']}/acknowledge/").status_code == 200
    assert api.get("/api/v1/sites/").json()["results"][0]["base_url"] == ""
    assert api.patch(f"/api/v1/libraries/{library.pk}/", {"name": "x"}).status_code == 403
    assert api.post("/api/v1/people/", {"user_id": "1", "site": site.pk}).status_code == 403


def test_devices_are_approved_and_disabled(
    api: APIClient, site: Site, library: Library, token: str
) -> None:
    Site.objects.update(auto_approve=False)
    enrol(library, "1")
    wire = WireClient(token=token, device_id="new")
    wire.sync()
    device = api.get("/api/v1/devices/", {"device_id": "new"}).json()["results"][0]
    assert device["status"] == "pending"
    path = f"/api/v1/devices/{device['id']}/"

    api.patch(path, {"status": "approved", "libraries": [library.pk]}, format="json")
    wire.sync()
    assert set(wire.held) == {"1"}

    assert api.patch(path, {"status": "disabled"}, format="json").json()["status"] == "disabled"
    assert wire.post("syheartbeat", "")["ret"] == "10005"


@pytest.mark.parametrize("value", ["x", "-1", "9" * 30, "1.5", "\x00", "[]"])
@pytest.mark.parametrize(
    ("path", "name"),
    [("people", "site"), ("people", "library"), ("devices", "site"), ("records", "device_id"),
     ("records", "user_id"), ("records", "id_after"), ("deliveries", "user_id"),
     ("alerts", "record"), ("index", "site"), ("people", "page")],
)  # fmt: skip
def test_odd_filters_never_break(
    api: APIClient, site: Site, path: str, name: str, value: str
) -> None:
    assert api.get(f"/api/v1/{path}/", {name: value}).status_code in {200, 400, 404}


def test_the_description_is_as_recorded(settings: Any) -> None:
    """The description is a contract: a change of it is meant, and seen in review.

    Recorded by: python manage.py spectacular --file tests/contract/openapi.yaml
    """
    import yaml
    from drf_spectacular.generators import SchemaGenerator

    recorded = yaml.safe_load((Path(__file__).parent / "openapi.yaml").read_text())
    generated = SchemaGenerator().get_schema(request=None, public=True)

    assert set(generated["paths"]) == set(recorded["paths"])
    assert set(generated["components"]["schemas"]) == set(recorded["components"]["schemas"])
    for name, schema in recorded["components"]["schemas"].items():
        assert set(generated["components"]["schemas"][name].get("properties", {})) == set(
            schema.get("properties", {})
        ), name


@pytest.mark.parametrize("body", ["[]", '"x"', "5", "null", "{", "[1]", '{"site": {}}'])
@pytest.mark.parametrize(
    "path", ["sites", "libraries", "devices", "people", "index/rebuild", "identify"]
)
def test_odd_bodies_never_break(api: APIClient, path: str, body: str) -> None:
    """``POST index/rebuild/`` with a JSON list once ended in a 500."""
    response = api.post(f"/api/v1/{path}/", body, content_type="application/json")

    assert response.status_code in {202, 400, 415}


def test_a_code_is_taken_once(api: APIClient, site: Site) -> None:
    response = api.post("/api/v1/sites/", {"code": site.code, "name": "Again"}, format="json")

    assert response.status_code == 400
    assert "code" in response.json()["fields"]


def test_a_sites_policy_is_changed_field_by_field(api: APIClient, site: Site) -> None:
    path = f"/api/v1/sites/{site.pk}/"

    changed = api.patch(
        path,
        {"verification": "enforce", "allow_bare_path": True, "temperature_limit_c": 37.5},
        format="json",
    )
    refused = api.patch(path, {"verification": "perhaps", "timezone": "Moon"}, format="json")
    ignored = api.patch(path, {"base_url": "http://elsewhere"}, format="json").json()

    assert changed.status_code == 200
    assert (changed.json()["verification"], changed.json()["temperature_limit_c"]) == (
        "enforce",
        37.5,
    )
    assert set(refused.json()["fields"]) == {"verification", "timezone"}
    assert ignored["base_url"] == changed.json()["base_url"]


def test_a_person_is_changed_and_gets_another_photo(
    api: APIClient, site: Site, library: Library, obama: Person, portraits: dict[str, Path]
) -> None:
    path = f"/api/v1/people/{obama.pk}/"

    renamed = api.patch(path, {"name": "B. Obama", "libraries": []}, format="json").json()
    refused = api.patch(
        path, {"photo": SimpleUploadedFile("a.jpg", b"no", "image/jpeg")}, format="multipart"
    ).json()
    replaced = api.patch(
        path, {"photo": upload(portraits["obama3.jpg"])}, format="multipart"
    ).json()

    assert (renamed["name"], renamed["libraries"]) == ("B. Obama", [])
    assert (refused["face_status"], refused["face_problems"]) == ("refused", ["not_an_image"])
    assert (replaced["face_status"], replaced["face_problems"]) == ("ok", [])
    assert obama.photos.count() == 1


def test_managers_rotate_their_sites_address_and_nobody_elses(site: Site) -> None:
    other = site_create(code="other", name="Other")
    user = User.objects.create_user("manager")
    SiteMembership.objects.create(user=user, site=site)
    api = APIClient()
    api.force_authenticate(user)
    before = api.get(f"/api/v1/sites/{site.pk}/").json()["base_url"]

    own = api.post(f"/api/v1/sites/{site.pk}/rotate-token/", {"overlap_hours": 1}, format="json")
    foreign = api.post(f"/api/v1/sites/{other.pk}/rotate-token/", {}, format="json")

    assert own.status_code == 200
    assert own.json()["base_url"] not in {"", before}
    assert foreign.status_code == 404
