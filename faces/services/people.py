"""Entering, changing and erasing people."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from faces.choices import Operation
from faces.models import Delivery, Library, LibraryMembership, Person
from faces.services.capacity import capacity_guard
from faces.services.clock import clock_advance, people_stamp
from faces.services.deliveries import deliveries_doom, deliveries_expect
from faces.services.libraries import libraries_lock
from faces.services.photos import (
    CheckedPhoto,
    person_lock,
    photo_attach,
    photo_check,
    photos_remove,
)


def person_save(
    *,
    person: Person,
    library_ids: Sequence[int] | None = None,
    photo: bytes | CheckedPhoto | None = None,
) -> Person:
    """Store a new or changed person, their libraries and their photo, in one transaction.

    Args:
        person: the row with its new values; ``site`` never changes.
        library_ids: libraries the person shall be in; None leaves them as they are.
        photo: bytes of an uploaded picture, or what `photo_check` made of it; None leaves the photo
            as it is. It is checked before the transaction begins, because recognising takes time.

    Raises:
        ValidationError: a value is not acceptable, a library belongs to another site, a terminal
            cannot hold more people, or the person has been erased meanwhile.
        face_engine.ImageTooHeavy, face_engine.PicturesBusy: as `photo_check`.

    Effects: terminals hear of it at their next poll.
    """
    checked = photo_check(photo) if isinstance(photo, bytes) else photo
    with transaction.atomic():
        return _store(person, library_ids, checked)


def _store(
    person: Person, library_ids: Sequence[int] | None, checked: CheckedPhoto | None
) -> Person:
    held_before = _terminals_of(person) if person.pk is not None else set()
    person.window_open = _window_open(person, timezone.now())
    person.full_clean()
    if person.pk is None:
        person.save()
    elif person_lock(person):
        person.save(force_update=True)
    else:
        raise ValidationError(_("This person has been erased meanwhile."))
    if library_ids is not None:
        _set_libraries(person, set(library_ids))
    if checked is not None:
        photo_attach(person=person, checked=checked)
    stamp = people_stamp(site_id=person.site_id, person_ids=[person.pk])
    deliveries_expect(site_id=person.site_id, person_ids=[person.pk], stamp=stamp)
    capacity_guard(terminal_ids=_terminals_of(person) - held_before)
    person.refresh_from_db()
    return person


def _terminals_of(person: Person) -> set[int]:
    rows = Delivery.objects.filter(person=person, operation=Operation.SAVE)
    return set(rows.values_list("terminal_id", flat=True))


def _set_libraries(person: Person, wanted: set[int]) -> None:
    if libraries_lock(site_id=person.site_id, library_ids=wanted) != wanted:
        raise ValidationError({"libraries": _("A library belongs to another site.")})
    LibraryMembership.objects.filter(person=person).exclude(library_id__in=wanted).delete()
    LibraryMembership.objects.bulk_create(
        [LibraryMembership(person=person, library_id=library_id) for library_id in wanted],
        ignore_conflicts=True,
    )


def _window_open(person: Person, now: datetime) -> bool:
    started = person.valid_from is None or person.valid_from <= now
    return started and (person.valid_until is None or person.valid_until > now)


@transaction.atomic
def person_erase(*, person: Person) -> None:
    """Erase a person: photos, descriptors, index entries; terminals are told to forget them.

    What stays is the user id on the deliveries of the deletion, and the records of passes for
    as long as the retention policy allows.
    """
    if not person_lock(person):
        return
    photos_remove(list(person.photos.all()))
    stamp = clock_advance(site_id=person.site_id)
    told = Delivery.objects.filter(person=person).values_list("pk", flat=True)
    deliveries_doom(site_id=person.site_id, delivery_ids=told, stamp=stamp)
    Delivery.objects.filter(person=person).update(told="")
    person.delete()


@transaction.atomic
def library_save(*, library: Library) -> Library:
    """Store a new or renamed library; who is in it is decided by ``person_save``.

    Raises:
        ValidationError: the name is not acceptable or taken at this site.
    """
    library.full_clean()
    library.save()
    return library


@transaction.atomic
def library_erase(*, library: Library) -> None:
    """Delete a library; its people leave the terminals that held them only through it."""
    person_ids = _lock_with_people(library)
    if person_ids is None:
        return
    site_id = library.site_id
    library.delete()
    if person_ids:
        stamp = people_stamp(site_id=site_id, person_ids=person_ids)
        deliveries_expect(site_id=site_id, person_ids=person_ids, stamp=stamp)


def _lock_with_people(library: Library) -> list[int] | None:
    """Lock a library and all who are in it until commit; None when it is gone.

    People are locked before the clock, as everywhere, and before the library, because whoever
    joins it is locked already when the new membership waits for the library.
    """
    members = LibraryMembership.objects.filter(library=library).values_list("person_id", flat=True)
    while True:
        attempt = transaction.savepoint()
        people = Person.objects.select_for_update(no_key=True).filter(pk__in=members.all())
        locked = set(people.order_by("pk").values_list("pk", flat=True))
        if not Library.objects.select_for_update().filter(pk=library.pk).exists():
            return None
        # Under the library's lock nobody joins any more.
        person_ids = list(members.all())
        if locked.issuperset(person_ids):
            transaction.savepoint_commit(attempt)
            return person_ids
        # Somebody joined in between: give everything back and lock them all, in order.
        transaction.savepoint_rollback(attempt)


@transaction.atomic
def validity_sweep(*, now: datetime | None = None, limit: int = 5000) -> int:
    """Turn validity windows that opened or closed into saves and deletes; returns how many.

    Safe to repeat: ``window_open`` remembers what terminals were told.
    """
    now = now or timezone.now()
    is_open = (Q(valid_from__isnull=True) | Q(valid_from__lte=now)) & (
        Q(valid_until__isnull=True) | Q(valid_until__gt=now)
    )
    # Serialises two sweeps at once; the second finds nothing left to turn. Rows that name a person
    # do not wait for it: an answer holds the clock while it writes them.
    turned = list(
        Person.objects.select_for_update(no_key=True)
        .filter((is_open & Q(window_open=False)) | (~is_open & Q(window_open=True)))
        .order_by("site_id", "pk")[:limit]
    )
    by_site: dict[int, list[int]] = {}
    for person in turned:
        by_site.setdefault(person.site_id, []).append(person.pk)
        person.window_open = not person.window_open
    Person.objects.bulk_update(turned, ["window_open"], batch_size=500)
    for site_id, person_ids in by_site.items():
        stamp = people_stamp(site_id=site_id, person_ids=person_ids)
        deliveries_expect(site_id=site_id, person_ids=person_ids, stamp=stamp)
    return len(turned)
