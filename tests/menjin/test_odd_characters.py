"""Characters of uploads as they reach a record: cut, in halves, newer than every table."""

from pathlib import Path
from typing import Any

import pytest

from devices.models import RepairCount, Site, Terminal
from records.models import Record
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
CASES = Path(__file__).parent / "raw_cases"
ALWAYS = {"image_missing", "clock_skew"}


def send(wire: WireClient, case: str) -> None:
    _head, body = (CASES / case).read_bytes().split(b"\r\n\r\n", 1)
    assert wire.post("syface", body)["ret"] == "0"


@pytest.mark.parametrize(
    ("case", "name", "area", "faults"),
    [
        ("cut-name.http", "阿卜杜热合曼·买买提\ufffd", "阳光社区", {"json_cut_characters"}),
        ("cesu8-name.http", "𠮷田", "", {"json_cesu8"}),
        ("rare-ext-h.http", "李\U0003158e", "", set()),
    ],
)
def test_a_name_is_kept_as_far_as_it_came(
    wire: WireClient, terminal: Terminal, case: str, name: str, area: str, faults: set[str]
) -> None:
    send(wire, case)

    record = Record.objects.get()
    assert (record.user_name, record.nation_code) == (name, area)
    assert set(record.faults) - ALWAYS == faults
    assert set(terminal.repairs.values_list("kind", flat=True)) == faults


@pytest.mark.parametrize("kind", ["syface", "syattribute"])
def test_a_temperature_in_fahrenheit_alarms(
    wire: WireClient, site: Site, terminal: Terminal, kind: str
) -> None:
    wire.post(kind, {"userId": "", "temperature": "101.5", "Temperatureunit": 1, "mask": True})

    record = Record.objects.get()
    assert str(record.temperature_c) == "38.61"
    assert record.alerts.get().kind == "high_temperature"


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (b'{"userId": "1", "userId": "2", "mask": true}', "json_duplicate_keys"),
        (b'{"userId": "1", "USERID ": "2", "mask": true}', "json_duplicate_keys"),
        (b'{"userId": "2", "mask": true, "similarity": NaN}', "json_not_a_number"),
        (b'{"userId": "2", "mask": true, "similarity": 1e999}', "similarity_unreadable"),
        (b'{"userId": "2", "mask": true, "userName": {"a": [1]}}', "username_wrong_type"),
        (b'{"userId": "2", "userName": 1' + b"0" * 60 + b', "mask": true}', "username_wrong_type"),
        (b'{" userid": "2", "mask": true, "userName": "x\\u0000"}', "characters_removed"),
    ],
)
def test_what_is_odd_about_a_message_is_read_and_said(
    wire: WireClient, terminal: Terminal, sent: bytes, fault: str
) -> None:
    assert wire.post("syface", sent)["ret"] == "0"

    record = Record.objects.get()
    assert record.user_id == "2"
    assert fault in record.faults


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("syheartbeat", {"Heartinfo": {"deviceid": float("inf"), "ServerURL": {"a": 1}}}),
        ("syresult", {"resultList": {"user ID": " 9 ", "STATUS ": "100", "msg": "\ud800ok"}}),
        ("syattribute", {"INFO ": {"TEMPERATURE": "36.5", " screentime": 1795000000}}),
    ],
)
def test_other_messages_are_read_as_tolerantly(
    wire: WireClient, terminal: Terminal, kind: str, body: Any
) -> None:
    assert wire.post(kind, body)["ret"] == "0"
    assert not RepairCount.objects.filter(kind="json_syntax").exists()
