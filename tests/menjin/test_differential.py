"""The tables of seed 9.2 to 9.5, row by row, against what the REST interface shows afterwards.

Each file of ``cases/`` has a whole message and the whole record, delivery list or device it must
become. A case names only what it changes of both: ``set`` and ``drop`` (or a ``body`` of its own)
on the way in, ``record``, ``deliveries``, ``device``, ``alerts`` and ``answer`` on the way out. So
every case also proves that its change disturbs no other field.
"""

import base64
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from devices.models import Site, Terminal
from faces.choices import Category
from faces.models import Library
from records.models import Record
from tests.support.factories import api_of, make_person, make_user
from tests.support.people import enrol
from tests.support.two_sites import jpeg
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FILES = {
    path.stem: json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
}
JPEG = base64.b64encode(jpeg()).decode()


def _cases(kind: str) -> list[Any]:
    return [pytest.param(case, id=case["name"].replace(" ", "-")) for case in FILES[kind]["cases"]]


@pytest.fixture
def world(site: Site, terminal: Terminal, library: Library) -> APIClient:
    """Return the manager's program; a resident and somebody on the blacklist are on file."""
    make_person(site, user_id="111222", name="李二壮", libraries=[library])
    make_person(
        site, user_id="666", name="Blocked", libraries=[library], category=Category.BLACKLIST
    )
    return api_of(make_user(site))


def filled(value: Any, now: int) -> Any:
    """Return a value with its placeholders replaced."""
    if isinstance(value, dict):
        return {name: filled(inner, now) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, now) for inner in value]
    return {"{{NOW}}": now, "{{JPEG}}": JPEG}.get(value, value) if isinstance(value, str) else value


def message(kind: str, case: dict[str, Any], now: int) -> Any:
    """Return what the terminal sends in a case."""
    if "body" in case:
        return filled(case["body"], now)
    table = FILES[kind]
    fields = {**table["body"], **case.get("set", {})}
    for name in case.get("drop", []):
        del fields[name]
    fields = filled(fields, now)
    return {table["envelope"]: fields} if "envelope" in table else fields


def post(wire: WireClient, kind: str, case: dict[str, Any]) -> int:
    """Send a case, check its answer, and return the moment that it spoke of."""
    now = int(time.time())
    expected = case.get("answer", {})
    if expected.get("ret", "0") == "0":
        expected = {**FILES[kind]["answer"], **expected}

    answer = wire.post(kind, message(kind, case, now))

    assert {name: answer.get(name) for name in expected} == expected
    return now


def listed(api: APIClient, path: str) -> list[dict[str, Any]]:
    """Return a REST list."""
    response = api.get(f"/api/v1/{path}")
    assert response.status_code == 200, response.content
    return list(response.json()["results"])


def check_device(api: APIClient, expected: dict[str, Any]) -> None:
    """Compare what is said of the terminal; where it reports to is on its form only."""
    (device,) = listed(api, "devices/?device_id=0000001")
    device["server_url"] = Terminal.objects.get(device_id="0000001").server_url
    assert {name: device[name] for name in expected} == expected


def shown(api: APIClient) -> dict[str, Any]:
    """Return the only record as REST shows it, its sealed card, and whether it has a picture."""
    (record,) = listed(api, "records/")
    picture = record.pop("picture_url")
    if picture:
        response = api.get(picture)
        assert response["Content-Type"] == "image/jpeg"
        assert response.getvalue().startswith(b"\xff\xd8")
    card = Record.objects.get(pk=record["id"]).id_card
    record |= {
        "picture": picture is not None,
        "id_card": json.loads(card) if card else None,
        "faults": sorted(record["faults"]),
    }
    return record


def check_record(api: APIClient, expected: dict[str, Any], now: int) -> None:
    """Compare the record field by field."""
    record = shown(api)
    moment = expected["captured_at"]
    if moment is not None:
        wanted = now if moment == "{{NOW}}" else datetime.fromisoformat(moment).timestamp()
        assert datetime.fromisoformat(record["captured_at"]).timestamp() == wanted
        expected = {name: value for name, value in expected.items() if name != "captured_at"}
    assert {name: record[name] for name in expected} == expected


def _upload(kind: str, case: dict[str, Any], wire: WireClient, api: APIClient) -> None:
    if "site" in case:
        Site.objects.update(**case["site"])

    now = post(wire, kind, case)

    if "record" in case:
        check_record(api, {**FILES[kind]["record"], **case["record"]}, now)
    else:
        assert case["records"] == len(listed(api, "records/"))
    if "alerts" in case:
        assert [alert["kind"] for alert in listed(api, "alerts/")] == case["alerts"]
    check_device(api, {"online": True, **case.get("device", {})})


@pytest.mark.parametrize("case", _cases("syface"))
def test_table_9_2(case: dict[str, Any], wire: WireClient, world: APIClient) -> None:
    _upload("syface", case, wire, world)


@pytest.mark.parametrize("case", _cases("syattribute"))
def test_table_9_3(case: dict[str, Any], wire: WireClient, world: APIClient) -> None:
    _upload("syattribute", case, wire, world)


@pytest.mark.parametrize("case", _cases("syresult"))
def test_table_9_4(
    case: dict[str, Any], wire: WireClient, site: Site, terminal: Terminal, library: Library
) -> None:
    enrol(library, "111222")
    assert wire.sync() == 1
    api = api_of(make_user(site))

    post(wire, "syresult", case)

    found = listed(api, "deliveries/?device_id=0000001")
    wanted = sorted(case["deliveries"], key=lambda one: one["user_id"])
    names = ("user_id", "state", "code", "message")
    assert [
        {name: one[name] for name in names}
        for one in sorted(found, key=lambda one: str(one["user_id"]))
    ] == wanted


@pytest.mark.parametrize("case", _cases("syheartbeat"))
def test_table_9_5(case: dict[str, Any], wire: WireClient, world: APIClient) -> None:
    post(wire, "syheartbeat", case)

    check_device(world, {**FILES["syheartbeat"]["device"], **case.get("device", {})})


def test_every_row_of_the_tables_has_a_case() -> None:
    """The rows as printed in the seed; a case names the row it is about first."""
    rows = {
        "syface": {"userId", "userName", "userType", "deviceid", "uuid", "nationCode", "actionCode",
                   "action", "temperature", "mask", "screenTime", "similarity", "card name",
                   "card gender", "card national", "card birthday", "card address", "card id",
                   "card maker", "card startDate", "card endDate", "img"},
        "syattribute": {"deviceid", "uuid", "temperature", "mask", "nationCode", "screenTime",
                        "img", "openCode", "openMsg"},
        "syresult": {"userID", "status", "msg"},
        "syheartbeat": {"deviceid", "ServerURL"},
    }  # fmt: skip
    for kind, expected in rows.items():
        names = [case["name"] for case in FILES[kind]["cases"]]
        assert len(set(names)) == len(names)
        for row in expected:
            assert [name for name in names if name.startswith(f"{row} ")], row
    assert sum(len(table["cases"]) for table in FILES.values()) >= 60
