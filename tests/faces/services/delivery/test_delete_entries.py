"""What a delete says: every field of 9.1, as told last; of somebody erased nothing but the id."""

from typing import Any

import pytest

from devices.models import Site, Terminal
from faces.choices import PersonState, Sex
from faces.models import Delivery, Library, Person
from faces.services import (
    library_erase,
    library_save,
    person_erase,
    person_save,
    photo_attach,
    picture_grant,
)
from tests.support.people import checked_photo, enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

FIELDS = {
    "operation", "userType", "userId", "userName", "sex", "userRemark", "imageUrl",
    "userImageUrl", "operateTime",
}  # fmt: skip


def suspend(person: Person, **values: Any) -> None:
    person.refresh_from_db()
    person.state = PersonState.SUSPENDED
    for name, value in values.items():
        setattr(person, name, value)
    person_save(person=person)


def photo_of(entry: dict[str, Any]) -> int:
    name = entry["imageUrl"].rsplit("/", 1)[1].removesuffix(".jpg")
    return picture_grant(name).photo_id


@pytest.mark.parametrize("asks", ["with its cursor", "for everything"])
def test_a_delete_of_somebody_on_file_says_what_the_save_said(
    wire: WireClient, terminal: Terminal, library: Library, asks: str
) -> None:
    enrol(library, "1", name="刘金", sex=Sex.FEMALE, remark="学生", user_type="student")
    person = Person.objects.get()
    (saved,), wire.cursor = wire.poll()
    suspend(person)

    (gone,), _ = wire.poll(wire.cursor if asks == "with its cursor" else 0)

    assert gone == {
        "operation": "delete",
        "userType": "student",
        "userId": "1",
        "userName": "刘金",
        "sex": 2,
        "userRemark": "学生",
        "imageUrl": saved["imageUrl"],
        "userImageUrl": saved["imageUrl"],
        "operateTime": Delivery.objects.get().sync_stamp,
    }


def test_what_changed_since_is_not_told_to_a_terminal_that_forgets(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1", name="Before", remark="Before")
    (saved,), wire.cursor = wire.poll()
    photo_attach(person=person, checked=checked_photo("a later photo"))
    suspend(person, name="After", remark="After")

    (gone,), _ = wire.poll()

    assert (gone["userName"], gone["userRemark"]) == ("Before", "Before")
    assert photo_of(gone) == photo_of(saved)


def test_each_terminal_is_told_what_it_was_told(
    wire: WireClient, terminal: Terminal, library: Library, site: Site, token: str
) -> None:
    Terminal.objects.create(site=site, device_id="2", status="approved", all_libraries=True)
    other = WireClient(token=token, device_id="2")
    person = enrol(library, "1", name="Before")
    wire.sync()
    person.name = "After"
    person_save(person=person)
    other.sync()
    suspend(person)

    assert [one.poll()[0][0]["userName"] for one in (wire, other)] == ["Before", "After"]


@pytest.mark.parametrize("asks", ["with its cursor", "for everything"])
def test_of_somebody_erased_nothing_is_said_but_the_id(
    wire: WireClient, terminal: Terminal, library: Library, asks: str
) -> None:
    person = enrol(library, "1", name="刘金", remark="学生", user_type="student", sex=Sex.MALE)
    wire.sync()
    person_erase(person=person)

    (gone,), _ = wire.poll(wire.cursor if asks == "with its cursor" else 0)

    assert gone == {
        "operation": "delete",
        "userType": "user",
        "userId": "1",
        "userName": "",
        "sex": 3,
        "userRemark": "",
        "imageUrl": "",
        "userImageUrl": "",
        "operateTime": Delivery.objects.get().sync_stamp,
    }


def test_somebody_suspended_first_and_erased_then_is_remembered_nowhere(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1", name="刘金")
    wire.sync()
    suspend(person)
    assert "刘金" in Delivery.objects.get().sent_text

    person_erase(person=person)

    assert Delivery.objects.get().sent_text == ""
    assert wire.poll()[0][0]["userName"] == ""


def test_the_erased_go_first_in_a_page_and_saves_last(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    people = [enrol(library, user_id) for user_id in "1234"]
    wire.sync()
    suspend(people[0])
    person_erase(person=people[1])
    suspend(people[2])
    person_erase(person=people[3])
    enrol(library, "5")

    entries, _ = wire.poll()

    said = [(one["operation"], one["userId"], one["userName"]) for one in entries]
    assert said == [
        ("delete", "2", ""),
        ("delete", "4", ""),
        ("delete", "1", "Person 1"),
        ("delete", "3", "Person 3"),
        ("save", "5", "Person 5"),
    ]
    assert all(set(one) == FIELDS for one in entries)


def test_rows_from_before_this_was_remembered_say_what_is_on_file(
    wire: WireClient, terminal: Terminal, library: Library
) -> None:
    person = enrol(library, "1", name="刘金")
    (saved,), wire.cursor = wire.poll()
    suspend(person)
    Delivery.objects.update(sent_text="")

    (gone,), _ = wire.poll()

    assert (gone["userName"], photo_of(gone)) == ("刘金", photo_of(saved))


def test_who_loses_a_library_is_deleted_with_every_field(
    wire: WireClient, terminal: Terminal, site: Site
) -> None:
    other = library_save(library=Library(site=site, name="Other"))
    enrol(other, "1", name="刘金")
    wire.sync()
    library_erase(library=other)

    (gone,), _ = wire.poll()

    assert (gone["operation"], gone["userName"]) == ("delete", "刘金")
    assert gone["imageUrl"].endswith(".jpg")


def test_an_address_that_nobody_can_be_told_is_empty_in_a_delete_as_well(
    wire: WireClient, terminal: Terminal, library: Library, settings: Any
) -> None:
    person = enrol(library, "1", name="刘金")
    wire.sync()
    suspend(person)
    settings.PICTURE_URL = settings.PUBLIC_URL = ""
    settings.ALLOWED_HOSTS = ["*"]

    response = wire.client.get(
        f"{wire.base}/syrecord/{wire.device_id}",
        {"lastQueryTime": wire.cursor},
        HTTP_HOST=f"{'h' * 90}.invalid",
    )

    (gone,) = response.json()["serviceResponse"]["list"]
    assert (gone["userName"], gone["imageUrl"]) == ("刘金", "")
