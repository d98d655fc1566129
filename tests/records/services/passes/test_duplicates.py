"""Which messages tell of one pass: two that only look alike are two, one told twice is one."""

import json
import time
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from devices.models import Terminal
from records.choices import AlertKind, Origin
from records.models import Alert, Picture, Record
from records.services import sign_store
from tests.support.signs import picture, sign, upload_of
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
CASE = Path(__file__).parents[3] / "menjin" / "raw_cases" / "doubt-two-strangers-one-minute.jsonl"
A, B = picture(40), picture(200)
# Of one test all records are of one moment, however long it takes.
MOMENT = int(time.time()) - 30


@pytest.fixture
def by_upload(token: str, gate: Terminal) -> WireClient:
    return WireClient(token=token, device_id=gate.device_id)


def pushed(gate: Terminal, one: dict[str, Any]) -> bool:
    return sign_store(terminal=gate, sign=one, origin=Origin.PUSHED)


def fetched(gate: Terminal, one: dict[str, Any]) -> bool:
    return sign_store(terminal=gate, sign=one, origin=Origin.FETCHED)


def stranger(img: str = A, number: int = 0, **more: Any) -> dict[str, Any]:
    return sign(number, user_id="", signTime=MOMENT, signAvatar=img, **more)


def reading_of(one: dict[str, Any], *, img: str | None = None) -> dict[str, Any]:
    sent = upload_of(one, img=img)
    return {"Info": {key: sent[key] for key in ("screenTime", "temperature", "mask", "img")}}


def origins() -> list[str]:
    return sorted(Record.objects.values_list("origin", flat=True))


def test_the_case_from_the_field_is_two_records(gate: Terminal) -> None:
    lines = CASE.read_text().replace("{{JPEG A}}", A).replace("{{JPEG B}}", B).splitlines()
    signs = [json.loads(line)["data"] for line in lines if line]

    assert [pushed(gate, one) for one in signs] == [True, True]
    assert [pushed(gate, one) for one in signs] == [False, False]
    temperatures = Record.objects.order_by("pk").values_list("temperature_c", flat=True)
    assert [str(one) for one in temperatures] == ["36.40", "36.50"]


def test_two_entries_of_the_terminals_list_are_two_records(gate: Terminal) -> None:
    assert fetched(gate, stranger(A, 900))
    assert fetched(gate, stranger(A, 901))
    assert not fetched(gate, stranger(A, 900))


def test_strangers_pushed_without_a_number_and_fetched_with_one_are_told_once(
    gate: Terminal,
) -> None:
    pushed(gate, stranger(A))
    pushed(gate, stranger(B))

    assert not fetched(gate, stranger(B, 901))
    assert not fetched(gate, stranger(A, 900))
    assert not fetched(gate, stranger(A, 900))
    assert fetched(gate, stranger(picture(120), 902))
    assert not pushed(gate, stranger(picture(120)))
    assert origins() == ["fetched", "pushed", "pushed"]


def test_a_stranger_whose_push_was_lost_is_fetched_beside_the_other(gate: Terminal) -> None:
    """The list is read newest first, and the other one's entry stands behind."""
    pushed(gate, stranger(A))

    assert fetched(gate, stranger(B, 901))
    assert not fetched(gate, stranger(A, 900))


def test_without_pictures_the_measured_tells_strangers_apart(gate: Terminal) -> None:
    assert pushed(gate, stranger("", temperature=36.4))
    assert pushed(gate, stranger("", temperature=38.9))
    assert not pushed(gate, stranger("", temperature=36.4))
    assert not fetched(gate, stranger("", 900, temperature=36.400002))
    assert Record.objects.count() == 2


@pytest.mark.parametrize("img", [None, picture(41)], ids=["same picture", "encoded anew"])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_a_strangers_push_list_and_upload_are_one_record(
    gate: Terminal, by_upload: WireClient, order: tuple[int, ...], img: str | None
) -> None:
    one = stranger(A)
    ways = [
        lambda: pushed(gate, one),
        lambda: fetched(gate, {**one, "id": 900}),
        lambda: by_upload.post("syattribute", reading_of(one, img=img)),
    ]

    for _ in range(2):
        for number in order:
            ways[number]()

    assert origins() == ["uploaded"]
    assert Picture.objects.count() <= 2


@pytest.mark.parametrize("img", [(A, B), (picture(41), picture(201))])
@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_two_strangers_of_one_second_stay_two_by_all_ways(
    gate: Terminal, by_upload: WireClient, order: tuple[int, ...], img: tuple[str, str]
) -> None:
    ones = [stranger(A, temperature=36.4), stranger(B, temperature=38.9)]
    ways = [
        lambda: pushed(gate, ones[0]),
        lambda: pushed(gate, ones[1]),
        lambda: by_upload.post("syattribute", reading_of(ones[0], img=img[0])),
        lambda: by_upload.post("syattribute", reading_of(ones[1], img=img[1])),
    ]

    for _ in range(2):
        for number in order:
            ways[number]()

    assert origins() == ["uploaded", "uploaded"]
    assert Alert.objects.get().kind == AlertKind.HIGH_TEMPERATURE


def test_a_person_pushed_twice_within_a_minute_is_two_passes(gate: Terminal) -> None:
    """Some terminals say the whole minute, and 0 for the number, of every pass."""
    first, second = (sign(0, signTime=MOMENT, signAvatar=img) for img in (A, B))

    assert pushed(gate, first)
    assert pushed(gate, second)
    assert not pushed(gate, first)


def test_a_person_who_was_uploaded_is_known_when_pushed_and_fetched(
    gate: Terminal, by_upload: WireClient
) -> None:
    one = sign(0, signTime=MOMENT, signAvatar=A)
    by_upload.post("syface", upload_of(one, img=picture(41)))

    assert not pushed(gate, one)
    assert not fetched(gate, {**one, "id": 7})
    assert not fetched(gate, {**one, "id": 7})
    assert pushed(gate, {**one, "signAvatar": B})
    (first, _second) = Record.objects.order_by("pk")
    assert [told["origin"] for told in first.also_told] == ["pushed", "fetched"]


def test_the_picture_of_what_is_known_is_not_kept(gate: Terminal, by_upload: WireClient) -> None:
    one = sign(5, signTime=MOMENT, signAvatar=A)
    by_upload.post("syface", upload_of(one, img=B))

    assert not pushed(gate, one)
    assert Picture.objects.count() == 1
