"""One upload in every notation that terminals use makes one and the same record."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from devices.models import Terminal
from devices.services import exchanges_last
from records.models import Record
from tests.support.sent_pictures import encoded, sent, shown, two_colours
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

_JPEG = encoded(two_colours(), "JPEG")
CARD = {"name": "张三", "gender": "男", "id": "43112319961122001X", "address": "湖南省永州市"}
UPLOAD: dict[str, Any] = {
    "userId": "111222",
    "userName": "李二壮",
    "userType": "student",
    "deviceId": "0000001",
    "uuid": "SY001",
    "nationCode": "阳光社区",
    "actionCode": 1,
    "action": "进门",
    "temperature": "36.5°C",
    "mask": True,
    "screenTime": 1487295360,
    "similarity": 80,
    "idCardInfo": CARD,
    "img": sent(_JPEG),
}
EXPECTED: dict[str, Any] = {
    "user_id": "111222",
    "user_name": "李二壮",
    "user_type": "student",
    "uuid_label": "SY001",
    "nation_code": "阳光社区",
    "action_code": 1,
    "action": "进门",
    "temperature_c": 36.5,
    "mask": True,
    "captured_at": 1487295360.0,
    "similarity": 80.0,
    "id_card_name": "张三",
    "id_card": {"gender": "男", "number": "43112319961122001X", "address": "湖南省永州市"},
    "extras": {},
}


def fields(record: Record) -> dict[str, Any]:
    """Return a record's fields as they are compared here."""
    found = {name: getattr(record, name) for name in EXPECTED}
    card = json.loads(record.id_card)
    return found | {
        "temperature_c": None if record.temperature_c is None else float(record.temperature_c),
        "captured_at": record.captured_at and record.captured_at.timestamp(),
        "id_card": {name: card[name] for name in EXPECTED["id_card"]},
    }


def plain(message: dict[str, Any]) -> str:
    """Return a message as JSON with its characters as they are."""
    return json.dumps(message, ensure_ascii=False)


def multipart(texts: dict[str, str], files: dict[str, bytes]) -> bytes:
    """Return a form with files, as an HTTP library of a terminal writes it."""
    parts = [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in texts.items()
    ]
    parts += [
        f'--edge\r\nContent-Disposition: form-data; name="{name}"; filename="a.jpg"\r\n'
        "Content-Type: image/jpeg\r\n\r\n".encode()
        + value
        + b"\r\n"
        for name, value in files.items()
    ]
    return b"".join(parts) + b"--edge--\r\n"


def _flat() -> dict[str, str]:
    texts = {name: value for name, value in UPLOAD.items() if name != "idCardInfo"}
    texts |= CARD
    return {
        name: value if isinstance(value, str) else plain(value) for name, value in texts.items()
    }


_WITHOUT_IMAGE = {name: value for name, value in UPLOAD.items() if name != "img"}
_TEXT = plain(UPLOAD)
_FORM, _MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=edge"
# Body, content type, and what is remarked on.
NOTATIONS: dict[str, tuple[bytes, str, set[str]]] = {
    "json": (_TEXT.encode(), "application/json", set()),
    "json-escaped": (json.dumps(UPLOAD).encode(), "application/json", set()),
    "json-as-text": (_TEXT.encode(), "text/plain", set()),
    "json-as-form": (_TEXT.encode(), _FORM, set()),
    "json-as-multipart": (_TEXT.encode(), _MULTIPART, set()),
    "json-as-nothing": (_TEXT.encode(), "", set()),
    "pretty": (json.dumps(UPLOAD, indent=4).encode(), "application/json", set()),
    "enveloped": (plain({"Info": UPLOAD}).encode(), "application/json", set()),
    "blanks-around-names": (
        plain({f" {name} ": value for name, value in UPLOAD.items()}).encode(), "text/json", set()),
    "capitals": (
        plain({name.upper(): value for name, value in UPLOAD.items()}).encode(), "", set()),
    "card-as-text": (plain({**UPLOAD, "idCardInfo": plain(CARD)}).encode(), "text/json", set()),
    "card-flat": (plain({**UPLOAD, "idCardInfo": None, **CARD}).encode(), "text/json", set()),
    "bom": (b"\xef\xbb\xbf" + _TEXT.encode(), "application/json", {"json_bom"}),
    "gbk": (_TEXT.encode("gbk"), "application/json", {"json_encoding"}),
    "gbk-said-so": (_TEXT.encode("gbk"), "application/json; charset=gbk", {"json_encoding"}),
    "gb18030": (_TEXT.encode("gb18030"), "text/plain", {"json_encoding"}),
    "single-quotes": (str(UPLOAD).replace("True", "true").encode(), "text/json", {"json_syntax"}),
    "trailing-comma": ((_TEXT[:-1] + ",}").encode(), "application/json", {"json_syntax"}),
    "missing-comma": (_TEXT.replace('"student", ', '"student" ').encode(), "", {"json_syntax"}),
    "seeds-own-missing-comma": (
        _TEXT.replace('}, "img"', '} "img"').encode(), "text/json", {"json_syntax"}),
    "doubled-comma": (_TEXT.replace('"student", ', '"student",, ').encode(), "", {"json_syntax"}),
    "broken-off": (
        _TEXT[:-1].encode(), "application/json", {"json_syntax", "message_broken_off"}),
    "json-in-text": (json.dumps(_TEXT).encode(), "application/json", {"json_in_text"}),
    "form-with-json": (urlencode({"json": _TEXT}).encode(), _FORM, {"form_encoded"}),
    "form-flat": (urlencode(_flat()).encode(), _FORM, {"form_encoded"}),
    "form-flat-said-json": (urlencode(_flat()).encode(), "application/json", {"form_encoded"}),
    "multipart-flat": (multipart(_flat(), {}), _MULTIPART, {"form_encoded"}),
    "multipart-with-json": (multipart({"data": _TEXT}, {}), _MULTIPART, {"form_encoded"}),
    "multipart-with-file": (
        multipart({"json": plain(_WITHOUT_IMAGE)}, {"img": _JPEG}), _MULTIPART, {"form_encoded"}),
    "multipart-without-saying": (
        multipart({"json": plain(_WITHOUT_IMAGE)}, {"img": _JPEG}), "", {"form_encoded"}),
}  # fmt: skip


def post_bytes(wire: WireClient, body: bytes, content_type: str) -> None:
    """Post bytes as they are; ``Client.post`` would recode them by their content type."""
    path = f"{wire.base}/syface/{wire.device_id}"
    answer = wire.client.generic("POST", path, body, content_type).json()
    assert answer["ret"] == "0"


@pytest.mark.parametrize(("body", "content_type", "repairs"), NOTATIONS.values(), ids=NOTATIONS)
def test_every_notation_of_an_upload_makes_the_same_record(
    wire: WireClient, terminal: Terminal, body: bytes, content_type: str, repairs: set[str]
) -> None:
    post_bytes(wire, body, content_type)

    record = Record.objects.get()
    assert fields(record) == EXPECTED
    assert set(record.faults) == repairs | {"clock_skew"}
    assert shown(record).size == (96, 64)


def test_an_upload_repeated_in_another_notation_is_the_same_record(
    wire: WireClient, terminal: Terminal
) -> None:
    for body, content_type, _ in NOTATIONS.values():
        post_bytes(wire, body, content_type)

    assert Record.objects.count() == 1


def test_numbers_come_as_texts_and_texts_as_numbers(wire: WireClient, terminal: Terminal) -> None:
    turned = {
        **UPLOAD,
        "userId": 111222,
        "actionCode": "1",
        "temperature": 36.5,
        "mask": "true",
        "screenTime": "1487295360",
        "similarity": "80",
        "openCode": "100",
        "deviceId": 1,
        "uuid": 17,
    }

    wire.post("syface", turned)

    record = Record.objects.get()
    assert fields(record) == {**EXPECTED, "uuid_label": "17"}
    assert record.open_code == 100
    # 0000001 was a text: as a number it has lost its zeros and is another device's.
    assert set(record.faults) == {"clock_skew", "device_id_differs"}


@pytest.mark.parametrize(
    "moment",
    [
        1487295360,
        "1487295360",
        1487295360000,
        "1487295360000",
        "1487295360.0",
        " 1487295360 ",
        "１４８７２９５３６０",
        "2017-02-17T01:36:00Z",
        "2017-02-17T09:36:00+08:00",
    ],
)
def test_a_moment_is_read_in_every_notation(
    wire: WireClient, terminal: Terminal, moment: Any
) -> None:
    wire.post("syface", {"userId": "1", "screenTime": moment})

    captured_at = Record.objects.get().captured_at
    assert captured_at is not None
    assert captured_at.timestamp() == 1487295360


@pytest.mark.parametrize(
    ("temperature", "degrees_c"),
    [
        ("97.7°F", 36.5),
        ("97.7℉", 36.5),
        ("97.7F", 36.5),
        ("97.7 f", 36.5),
        ("97,7 °F", 36.5),
        ("９７．７℉", 36.5),
        ("华氏97.7", 36.5),
        ("97.9°F", 36.61),
        ("104°F", 40.0),
        ("36.5/97.7F", 36.5),
        ("36.5°C", 36.5),
        ("36.5℃", 36.5),
        ("36.5度", 36.5),
        ("36。5", 36.5),
        ("３６．５", 36.5),
        ("36, 5", 36.5),
        (36.5, 36.5),
        (37, 37.0),
    ],
)
@pytest.mark.parametrize("kind", ["syface", "syattribute"])
def test_degrees_are_read_in_every_notation(
    wire: WireClient, terminal: Terminal, kind: str, temperature: Any, degrees_c: float
) -> None:
    wire.post(kind, {"userId": "1", "temperature": temperature, "screenTime": 1487295360})

    record = Record.objects.get()
    assert float(record.temperature_c or 0) == degrees_c
    assert not [fault for fault in record.faults if fault.startswith("temperature")]


@pytest.mark.parametrize("temperature", ["97.7", 97.7, "97.7°C", "36.5°F"])
def test_fahrenheit_is_known_by_its_sign_and_never_guessed(
    wire: WireClient, terminal: Terminal, temperature: Any
) -> None:
    wire.post("syface", {"userId": "1", "temperature": temperature})

    record = Record.objects.get()
    assert record.temperature_c is None
    assert "temperature_out_of_range" in record.faults
    assert record.extras == {"temperature": temperature}


@pytest.mark.parametrize("kind", ["syface", "syattribute", "syresult", "syheartbeat"])
def test_half_a_character_pair_costs_no_upload(
    wire: WireClient, terminal: Terminal, kind: str
) -> None:
    r"""JSON can say "\ud800", which no UTF-8 can; the flight recorder in Redis broke on it."""
    half = r"\ud800"
    fields = f'"userID": "7{half}", "temperature": "36.5", "msg": "{half}", "{half}": "{half}"'

    assert wire.post(kind, f'{{{fields}, "inner": [{{"{half}": "{half}"}}]}}')["ret"] == "0"

    exchanges = exchanges_last(terminal_id=terminal.pk)
    assert [one.kind for one in exchanges] == [kind]
    assert json.dumps(exchanges[0].said, ensure_ascii=False).encode()
