"""Entries of an answer to /syrecord, and what is kept of a save for its delete (seed 9.1).

A delete carries every field of 9.1 as it was sent to the terminal last: the person may have another
name or photo by now, which this terminal is not to learn. So each save leaves what it said on its
delivery row; erasing a person empties it.
"""

import json
from collections.abc import Sequence
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from faces.choices import Category, PhotoStatus, Sex
from faces.models import Delivery, FacePhoto, Person
from faces.services.pictures import PictureAddresses
from terminal_protocol import SyncEntry
from terminal_protocol.sync import REMARK_MAX, USER_NAME_MAX, USER_TYPE_MAX

_WIRE_TYPES = {
    Category.EMPLOYEE: "user",
    Category.VISITOR: "visitor",
    Category.BLACKLIST: "blacklist",
}
_USUAL_TYPE = _WIRE_TYPES[Category.EMPLOYEE]


def entry_text(person: Any) -> str:
    """Return what an entry says of a person, as their delivery row keeps it.

    Args:
        person: with ``photo_id``, the photo that is sent, None for none.
    """
    said = [_type_of(person), person.name[:USER_NAME_MAX], person.sex]
    said += [person.remark[:REMARK_MAX], person.photo_id]
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def save_entry(person: Any, pictures: PictureAddresses) -> SyncEntry:
    """Return the entry by which a terminal stores a person with their ``photo_id``."""
    return SyncEntry(
        operation="save",
        user_type=_type_of(person),
        user_id=person.user_id,
        user_name=person.name,
        sex=person.sex,
        user_remark=person.remark,
        image_url=pictures.of(person.photo_id),
        operated_at=person.sync_stamp,
    )


def delete_entries(rows: Sequence[Delivery], pictures: PictureAddresses) -> list[SyncEntry]:
    """Return the entries by which a terminal forgets people: those who were erased first.

    Of the erased nothing is said but the user id.
    """
    in_order = sorted(rows, key=lambda row: row.person_id is not None)
    older = _texts_of_older_saves(rows)
    return [
        _delete_entry(row, older.get(row.person_id or 0, row.sent_text), pictures)
        for row in in_order
    ]


def _delete_entry(row: Delivery, text: str, pictures: PictureAddresses) -> SyncEntry:
    user_type, user_name, sex, remark, photo_id = _USUAL_TYPE, "", int(Sex.OTHER), "", None
    if text and row.person_id is not None:
        user_type, user_name, sex, remark, photo_id = json.loads(text)
    return SyncEntry(
        operation="delete",
        user_type=user_type,
        user_id=row.user_id,
        user_name=user_name,
        sex=sex,
        user_remark=remark,
        image_url=pictures.of(photo_id),
        operated_at=row.sync_stamp,
    )


def _texts_of_older_saves(rows: Sequence[Delivery]) -> dict[int, str]:
    """Return by person what stands in for rows of saves sent before this was kept."""
    people = [row.person_id for row in rows if row.person_id is not None and not row.sent_text]
    if not people:
        return {}
    found = with_photo_id(Person.objects.filter(pk__in=people))
    return {person.pk: entry_text(person) for person in found}


def with_photo_id(people: QuerySet[Person]) -> QuerySet[Any]:
    """Return these people with the number of their newest accepted photo."""
    photos = FacePhoto.objects.filter(person=OuterRef("pk"), status=PhotoStatus.OK)
    return people.annotate(photo_id=Subquery(photos.order_by("-pk").values("pk")[:1]))


def _type_of(person: Any) -> str:
    return str(person.user_type or _WIRE_TYPES[Category(person.category)])[:USER_TYPE_MAX]
