"""Entering, changing and erasing people."""

from collections.abc import Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.choices import TerminalStatus
from devices.models import Terminal
from devices.services import job_start
from faces.choices import Operation
from faces.models import Delivery, FacePhoto, Library, LibraryMembership, Person
from faces.services.clock import clock_advance, people_stamp
from faces.services.delivery import (
    INLINE_ROWS,
    capacity_guard,
    deliveries_expect,
    deliveries_mark_for_deletion,
)
from faces.services.people.audit import audited_values, erased_note, person_change_note
from faces.services.people.libraries import libraries_lock_all
from faces.services.people.photos import (
    CheckedPhoto,
    person_lock,
    photo_check,
    photo_join,
    photo_write,
    photos_remove,
)

# Kind of the job that tells terminals of the people of a large library that is gone.
LIBRARY_TAIL = "faces.people_tell"


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
        ValidationError: a value is not acceptable, the site has no such library, a terminal
            cannot hold more people, or the person has been erased meanwhile.
        face_engine.ImageTooHeavy, face_engine.PicturesBusy: as `photo_check`.

    Effects: terminals hear of it at their next poll.
    """
    checked = photo_check(photo) if isinstance(photo, bytes) else photo
    person.window_open = _window_open(person, timezone.now())
    # Before the file is written: what is refused leaves none behind.
    person.full_clean()
    written = photo_write(checked) if checked is not None else None
    with transaction.atomic():
        return _store(person, library_ids, checked, written)


def _store(
    person: Person,
    library_ids: Sequence[int] | None,
    checked: CheckedPhoto | None,
    written: FacePhoto | None,
) -> Person:
    held_before = _terminals_of(person) if person.pk is not None else set()
    before = audited_values(person)
    if person.pk is None:
        person.save()
    elif person_lock(person):
        person.save(force_update=True)
    else:
        raise ValidationError(_("This person has been erased meanwhile."))
    moved = _set_libraries(person, set(library_ids)) if library_ids is not None else ((), ())
    person_change_note(person, before=before, libraries=moved)
    if checked is not None and written is not None:
        photo_join(person=person, checked=checked, photo=written)
    # Once, behind all that an enrolment changes.
    stamp = people_stamp(site_id=person.site_id, person_ids=[person.pk])
    deliveries_expect(site_id=person.site_id, person_ids=[person.pk], stamp=stamp)
    capacity_guard(terminal_ids=_terminals_of(person) - held_before)
    person.refresh_from_db()
    return person


def _terminals_of(person: Person) -> set[int]:
    rows = Delivery.objects.filter(person=person, operation=Operation.SAVE)
    return set(rows.values_list("terminal_id", flat=True))


def _set_libraries(person: Person, wanted: set[int]) -> tuple[set[int], set[int]]:
    """Put a person into these libraries and no others; return those of before, and these."""
    libraries_lock_all(site_id=person.site_id, library_ids=wanted)
    memberships = LibraryMembership.objects.filter(person=person)
    before = set(memberships.values_list("library_id", flat=True))
    memberships.exclude(library_id__in=wanted).delete()
    LibraryMembership.objects.bulk_create(
        [LibraryMembership(person=person, library_id=library_id) for library_id in wanted],
        ignore_conflicts=True,
    )
    return before, wanted


def _window_open(person: Person, now: datetime) -> bool:
    started = person.valid_from is None or person.valid_from <= now
    return started and (person.valid_until is None or person.valid_until > now)


def person_erase(*, person: Person) -> None:
    """Erase a person: photos, descriptors, index entries; terminals are sent their deletes.

    What stays is the user id on the deliveries of the deletion, and the records of passes for
    as long as the retention policy allows.
    """
    people_erase(site_id=person.site_id, person_ids=[person.pk])


@transaction.atomic
def people_erase(*, site_id: int, person_ids: Sequence[int]) -> int:
    """Erase people of one site as ``person_erase`` does; returns how many were still there."""
    locked = _people_lock(site_id, person_ids)
    if not locked:
        return 0
    erased_note(site_id=site_id, person_ids=locked)
    photos_remove(list(FacePhoto.objects.filter(person__in=locked)))
    stamp = clock_advance(site_id=site_id)
    rows = Delivery.objects.filter(person__in=locked)
    deliveries_mark_for_deletion(
        site_id=site_id, delivery_ids=rows.values_list("pk", flat=True), stamp=stamp
    )
    rows.update(sent_text="")
    Person.objects.filter(pk__in=locked).delete()
    return len(locked)


def _people_lock(site_id: int, person_ids: Sequence[int]) -> list[int]:
    """Lock those of these people who are still there, until commit; to be called before the clock.

    Rows that name them do not wait for it (``photos.person_lock``).
    """
    rows = Person.objects.select_for_update(no_key=True).filter(pk__in=person_ids, site_id=site_id)
    return list(rows.order_by("pk").values_list("pk", flat=True))


@transaction.atomic
def people_tell(*, site_id: int, person_ids: Sequence[int]) -> int:
    """Tell terminals how it is now with these people; returns how many are still there."""
    locked = _people_lock(site_id, person_ids)
    if locked:
        stamp = people_stamp(site_id=site_id, person_ids=locked)
        deliveries_expect(site_id=site_id, person_ids=locked, stamp=stamp)
    return len(locked)


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
def library_erase(*, library: Library) -> bool:
    """Delete a library; its people leave the terminals that held them only through it.

    Returns:
        Whether it was still there. It is gone when this returns, and opens no door any more;
        where many people have to leave many terminals, the worker tells these.
    """
    site_id = library.site_id
    if _rows_to_tell(library) > INLINE_ROWS:
        return _erase_large(library)
    person_ids = _lock_with_people(library)
    if person_ids is None:
        return False
    library.delete()
    if person_ids:
        stamp = people_stamp(site_id=site_id, person_ids=person_ids)
        deliveries_expect(site_id=site_id, person_ids=person_ids, stamp=stamp)
    return True


def _rows_to_tell(library: Library) -> int:
    people = LibraryMembership.objects.filter(library=library).count()
    terminals = Terminal.objects.filter(site=library.site_id, status=TerminalStatus.APPROVED)
    return people * max(1, terminals.count())


def _erase_large(library: Library) -> bool:
    """Delete a library without its people's locks, and leave their stamps to a job.

    Until one is stamped, terminals have not heard that they are to leave; each batch of the job
    is a change of its own under the clock, which no terminal can miss.
    """
    site_id = library.site_id
    if not Library.objects.select_for_update().filter(pk=library.pk).exists():
        return False
    # Under the library's lock no person joins any more.
    members = LibraryMembership.objects.filter(library=library).order_by("person_id")
    person_ids = list(members.values_list("person_id", flat=True))
    library.delete()
    job_start(
        kind=LIBRARY_TAIL, site_id=site_id, arguments={"ids": person_ids}, total=len(person_ids)
    )
    return True


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
        # Under the library's lock no person joins any more.
        person_ids = list(members.all())
        if locked.issuperset(person_ids):
            transaction.savepoint_commit(attempt)
            return person_ids
        # A person joined in between: give everything back and lock them all, in order.
        transaction.savepoint_rollback(attempt)


@transaction.atomic
def validity_sweep(*, now: datetime | None = None, limit: int = 5000) -> int:
    """Turn validity windows that opened or closed into saves and deletes; returns how many.

    Safe to repeat: ``window_open`` remembers what terminals were sent.
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
