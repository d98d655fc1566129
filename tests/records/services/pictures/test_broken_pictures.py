"""A picture that cannot be read costs the picture: record, alert and the records behind it stay."""

import base64
import io
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection
from PIL import Image

from devices.models import Site, Terminal
from faces.models import Library, Person
from records.choices import AlertKind, Origin
from records.models import Alert, Record, RecordCursor
from records.services import sign_store
from tests.support.broken_pictures import BrokenPictures
from tests.support.processes import ROOT
from tests.support.pulled_records import pull
from tests.support.signs import sign
from tests.support.terminal_api import TerminalServer
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

CASES = ROOT / "tests/support/picture_cases"
POISON = (CASES / "exif-poison-byte.jpg").read_bytes()
WITHOUT_END = (CASES / "doubt-jpeg-without-eoi.jpg").read_bytes()
MESSAGE = json.loads((CASES / "exif-poison-syattribute.json").read_text())


def text_of(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def stored(record: Record) -> np.ndarray[Any, Any]:
    """Return the pixels that were kept of a record's picture."""
    assert record.picture is not None
    with record.picture.image.open() as file:
        return np.asarray(Image.open(io.BytesIO(file.read()), formats=["JPEG"]))


def image_faults(record: Record) -> list[str]:
    return [fault for fault in record.faults if "image" in fault]


def test_a_fever_is_kept_and_alarmed_about_whatever_its_picture_says(
    wire: WireClient, terminal: Terminal
) -> None:
    assert wire.post("syattribute", MESSAGE)["ret"] == "0"

    record = Record.objects.get()
    assert float(record.temperature_c or 0) == 39.5
    assert Alert.objects.get().kind == AlertKind.HIGH_TEMPERATURE
    assert stored(record).shape == (160, 200, 3)
    assert image_faults(record) == []


@pytest.mark.parametrize("field", ["img", "IDCardImg"])
def test_a_pass_is_kept_with_a_turned_picture_in_either_field(
    wire: WireClient, terminal: Terminal, field: str
) -> None:
    body = {"userId": "1", "screenTime": 1487295360, field: text_of(POISON)}

    assert wire.post("syface", body)["ret"] == "0"

    record = Record.objects.get()
    kept = record.picture if field == "img" else record.id_card_picture
    assert kept is not None
    assert (kept.width, kept.height) == (200, 160)


@pytest.mark.parametrize(("kind", "at"), [("syface", "img"), ("syattribute", "img")])
def test_a_picture_without_its_end_is_kept_and_said(
    wire: WireClient, terminal: Terminal, kind: str, at: str
) -> None:
    assert wire.post(kind, {"userId": "1", at: text_of(WITHOUT_END)})["ret"] == "0"

    record = Record.objects.get()
    assert image_faults(record) == ["image_truncated"]
    assert stored(record).shape == (200, 160, 3)


def test_a_card_without_its_end_is_kept_and_said(wire: WireClient, terminal: Terminal) -> None:
    body = {"userId": "1", "img": text_of(POISON), "IDCardImg": text_of(WITHOUT_END)}

    wire.post("syface", body)

    record = Record.objects.get()
    assert image_faults(record) == ["id_card_image_truncated"]
    assert record.id_card_picture is not None


def test_half_a_picture_shows_what_is_there(
    wire: WireClient, terminal: Terminal, portraits: dict[str, Path]
) -> None:
    raw = portraits["obama2.jpg"].read_bytes()

    wire.post("syface", {"userId": "1", "img": text_of(raw[: len(raw) // 2])})

    record = Record.objects.get()
    assert image_faults(record) == ["image_truncated"]
    pixels = stored(record)
    assert pixels[: len(pixels) // 5].std() > 20
    assert pixels[-len(pixels) // 5 :].std() < 20


@pytest.mark.parametrize(
    ("person_of", "part", "result"),
    [
        ("obama", 1.0, "match"),
        ("biden", 1.0, "mismatch"),
        # The face is there; what is missing is below it.
        ("obama", 0.9, "match"),
        ("biden", 0.9, "no_face"),
    ],
)
def test_a_picture_with_a_part_missing_speaks_for_somebody_and_against_nobody(
    wire: WireClient,
    site: Site,
    obama: Person,
    terminal: Terminal,
    portraits: dict[str, Path],
    person_of: str,
    part: float,
    result: str,
) -> None:
    Site.objects.filter(pk=site.pk).update(verification="enforce")
    face = {"obama": "obama2.jpg", "biden": "biden.jpg"}[person_of]
    buffer = io.BytesIO()
    Image.open(portraits[face]).convert("RGB").save(buffer, "JPEG", quality=90)
    raw = buffer.getvalue()

    answer = wire.post("syface", {"userId": "1001", "img": text_of(raw[: int(part * len(raw))])})

    record = Record.objects.get()
    assert record.verification == result
    assert answer["openDoor"] == int(result == "match")
    alarmed = Alert.objects.filter(kind=AlertKind.FACE_MISMATCH).exists()
    assert alarmed == (result == "mismatch")


def test_no_broken_picture_keeps_a_terminal_waiting(wire: WireClient, terminal: Terminal) -> None:
    """Each is answered as stored, so that the terminal goes on with its next."""
    broken = iter(BrokenPictures(3))

    for number in range(60):
        name, raw = next(broken)
        kind = ("syface", "syattribute")[number % 2]
        body = {"userId": "1", "screenTime": 1487295360 + number, "img": text_of(raw)}
        assert wire.post(kind, body)["ret"] == "0", name

    assert Record.objects.count() == 60


def test_records_behind_a_poisoned_one_are_fetched(gate: Terminal, door: TerminalServer) -> None:
    door.state.records = [sign(number, ago_s=number * 7) for number in range(1, 25)]
    door.state.records[4]["signAvatar"] = text_of(POISON)
    door.state.records[11]["signAvatar"] = text_of(WITHOUT_END)
    door.state.records[12]["signAvatar"] = text_of(b"\xff\xd8 nothing follows")

    command = pull(gate)

    assert (command.state, command.result) == ("done", {"read": 24, "new": 24})
    faulty = {
        record.extras["record_id"]: image_faults(record)
        for record in Record.objects.all()
        if image_faults(record)
    }
    assert faulty == {12: ["image_truncated"], 13: ["image_truncated"]}
    assert Record.objects.get(extras__record_id=12).picture is not None
    assert RecordCursor.objects.filter(terminal=gate).exists()


@pytest.fixture
def refusing() -> Callable[[str], None]:
    """Return what makes the database refuse records with a name, until the test's rollback."""

    def refuse(name: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                " IF NEW.user_name = '" + name + "' THEN"
                " RAISE data_exception USING MESSAGE = 'refused'; END IF; RETURN NEW; END $$"
            )
            cursor.execute(
                "CREATE TRIGGER refuse BEFORE INSERT ON records_record"
                " FOR EACH ROW EXECUTE FUNCTION refuse()"
            )

    return refuse


@pytest.mark.postgres
def test_a_record_that_cannot_be_stored_is_stored_with_less_and_holds_up_nobody(
    gate: Terminal,
    door: TerminalServer,
    library: Library,
    refusing: Callable[[str], None],
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusing("Mallory")
    door.state.records = [sign(number, ago_s=number * 7) for number in range(1, 13)]
    door.state.records[5] |= {"name": "Mallory", "temperature": 38.9}

    command = pull(gate)

    assert (command.state, command.result) == ("done", {"read": 12, "new": 12})
    record = Record.objects.get(faults__contains="record_cut_down")
    assert (record.user_id, str(record.temperature_c)) == ("1001", "38.90")
    assert record.picture is None
    assert Alert.objects.get().record == record
    assert "record_not_stored" in caplog.text
    assert "Mallory" not in caplog.text
    assert pull(gate).result["new"] == 0


@pytest.mark.postgres
def test_a_pushed_record_that_cannot_be_stored_is_stored_with_less(
    gate: Terminal, refusing: Callable[[str], None]
) -> None:
    refusing("Mallory")
    pushed = sign(1, name="Mallory")

    assert sign_store(terminal=gate, sign=pushed, origin=Origin.PUSHED)
    assert not sign_store(terminal=gate, sign=pushed, origin=Origin.PUSHED)

    assert Record.objects.get().faults == ["record_cut_down"]


@pytest.mark.postgres
def test_an_upload_that_cannot_be_stored_is_stored_with_less_and_opens_nothing(
    wire: WireClient, terminal: Terminal, obama: Person, refusing: Callable[[str], None]
) -> None:
    """Such an upload was answered 503 for ever, and everything behind it waited."""
    body = {
        "userId": obama.user_id,
        "userName": "Mallory",
        "screenTime": int(time.time()),
        "temperature": "38.9",
        "img": text_of(POISON),
    }
    assert wire.post("syface", {**body, "userName": "Obama", "temperature": "36.5"})["openDoor"]
    refusing("Mallory")
    body["screenTime"] += 1

    answers = [wire.post("syface", {**body, "temperature": heat}) for heat in ("36.5", "36.5")]

    assert [(one["ret"], one["openDoor"]) for one in answers] == [("0", 0), ("0", 0)]
    record = Record.objects.get(faults__contains="record_cut_down")
    assert (record.user_id, record.reason, record.repeats) == ("1001", "not_verifiable", 1)
    assert (record.picture, str(record.temperature_c)) == (None, "36.50")
