"""Each statement written by hand says what its queryset says."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from devices.models import Site, SiteToken, Terminal
from devices.services import terminal_address_replace
from faces.choices import Operation, PhotoStatus
from faces.models import (
    Delivery,
    FacePhoto,
    Library,
    LibraryMembership,
    Person,
    SyncClock,
    TerminalCursor,
    TerminalLibrary,
)
from faces.queries import (
    cursor_lock,
    cursor_move,
    people_since,
    photo_fetched_note,
    photo_to_be_seen,
    result_row_lock,
    result_row_save,
    sync_state_row,
)
from faces.selectors import fit_for_terminals, people_for_terminal
from tests.support.factories import make_library, make_site, make_terminal
from tests.support.people import enrol

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
SHARED = examples(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
HOUR = timedelta(hours=1)
NOW = timezone.now()
MOMENTS = st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR])
FAILED = ("failed", "")
WINDOWS = st.sampled_from(
    [
        (None, None),
        (NOW - HOUR, NOW),
        (NOW, NOW + HOUR),
        (NOW - HOUR, NOW + HOUR),
        (None, NOW),
        (None, NOW + HOUR),
        (NOW, None),
        (NOW + HOUR, None),
    ]
)


@pytest.fixture
def people(library: Library, terminal: Terminal) -> list[Person]:
    """Return people of two libraries of which the terminal's site has rows of every kind."""
    second = make_library(library.site)
    made = [enrol(library, "1"), enrol(library, "2"), enrol(second, "3"), enrol(second, "4")]
    FacePhoto.objects.create(person=made[0], status=PhotoStatus.OK, sha256="5" * 64)
    now = timezone.now()
    for person in made:
        Delivery.objects.update_or_create(
            terminal=terminal,
            user_id=person.user_id,
            defaults={"person": person, "changed_at": now, "operation": Operation.SAVE},
        )
    TerminalCursor.objects.get_or_create(terminal=terminal)
    enrol(make_library(make_site()), "1")
    return made


def arrange(person: Person, **values: Any) -> None:
    Person.objects.filter(pk=person.pk).update(**values)


@pytest.mark.slow
@SHARED
@given(data=st.data())
def test_people_since(people: list[Person], terminal: Terminal, data: st.DataObject) -> None:
    for person in people:
        valid_from, valid_until = data.draw(WINDOWS)
        arrange(
            person,
            state=data.draw(st.sampled_from(["active", "suspended"])),
            category=data.draw(st.integers(1, 3)),
            valid_from=valid_from,
            valid_until=valid_until,
            sync_stamp=data.draw(st.integers(1, 4)),
        )
        row = Delivery.objects.filter(terminal=terminal, person=person)
        row.update(
            again_stamp=data.draw(st.sampled_from([None, 2, 3, 9])),
            operation=data.draw(st.sampled_from(["save", "delete"])),
        )
        status = data.draw(st.sampled_from(list(PhotoStatus)))
        FacePhoto.objects.filter(person=person).update(status=status)
    held = data.draw(st.lists(st.sampled_from(list(Library.objects.order_by("pk"))), unique=True))
    TerminalLibrary.objects.filter(terminal=terminal).delete()
    TerminalLibrary.objects.bulk_create(
        [TerminalLibrary(terminal=terminal, library=one) for one in held]
    )
    terminal.all_libraries = data.draw(st.booleans())
    has_again = data.draw(st.booleans())
    limit = data.draw(st.sampled_from([None, 1, 2, 9]))
    since, newest = data.draw(st.integers(0, 4)), data.draw(st.integers(0, 9))

    found = people_since(
        terminal=terminal, since=since, newest=newest, now=NOW, has_again=has_again, limit=limit
    )

    expected = list(told(terminal, has_again=has_again, since=since, newest=newest)[:limit])
    assert found == expected
    for one, other in zip(found, expected, strict=True):
        for field in Person._meta.concrete_fields:
            assert getattr(one, field.attname) == getattr(other, field.attname), field.attname
        for name in ("listed_stamp", "photo_id"):
            assert getattr(one, name) == getattr(other, name)


def told(terminal: Terminal, *, has_again: bool, since: int, newest: int) -> Any:
    """Return whom to tell, as a queryset says it."""
    again = Delivery.objects.filter(terminal=terminal, operation=Operation.SAVE)
    mine = again.filter(person=OuterRef("pk")).values("again_stamp")[:1]
    stamp: Any = Greatest("sync_stamp", Coalesce(Subquery(mine), 0)) if has_again else None
    photos = FacePhoto.objects.filter(person=OuterRef("pk"), status=PhotoStatus.OK)
    return (
        people_for_terminal(terminal, now=NOW)
        .annotate(listed_stamp=stamp or F("sync_stamp"))
        .filter(listed_stamp__gt=since, listed_stamp__lte=newest)
        .annotate(photo_id=Subquery(photos.order_by("-pk").values("pk")[:1]))
        .order_by("listed_stamp", "pk")
    )


@pytest.mark.slow
@SHARED
@given(data=st.data())
def test_a_photo_to_be_seen(people: list[Person], terminal: Terminal, data: st.DataObject) -> None:
    _, person, *_ = people
    others = make_terminal_once(terminal.site)
    arrange(
        person,
        state=data.draw(st.sampled_from(["active", "active", "suspended"])),
        category=data.draw(st.integers(1, 3)),
        valid_until=data.draw(MOMENTS),
    )
    FacePhoto.objects.filter(person=person).update(
        status=data.draw(st.sampled_from(["ok", "ok", "waiting"]))
    )
    TerminalLibrary.objects.filter(terminal=terminal).delete()
    if data.draw(st.booleans()):
        TerminalLibrary.objects.bulk_create(
            TerminalLibrary(terminal=terminal, library_id=pk)
            for pk in person.memberships.values_list("library_id", flat=True)
        )
    Terminal.objects.filter(pk=terminal.pk).update(
        status=data.draw(st.sampled_from(["approved", "approved", "pending"])),
        all_libraries=data.draw(st.booleans()),
        own_address_since=data.draw(st.sampled_from([None, NOW])),
    )
    Site.objects.update(allow_bare_path=data.draw(st.booleans()))
    tokens = list(SiteToken.objects.order_by("pk"))
    SiteToken.objects.update(ends_at=data.draw(MOMENTS))
    token_id = data.draw(st.sampled_from([0, *(one.pk for one in tokens)]))
    photo_id = person.photos.latest("pk").pk
    asked = {
        "photo_id": photo_id,
        "terminal_id": data.draw(st.sampled_from([terminal.pk, terminal.pk, others.pk])),
        "token_id": token_id,
    }

    found = photo_to_be_seen(**asked, now=NOW)

    expected = seen(**asked, now=NOW).first()
    assert (found and found[:3]) == (expected and expected[:3])


def make_terminal_once(site: Site) -> Terminal:
    """Return another terminal of the site with an address of its own."""
    known = Terminal.objects.filter(site=site, device_id="other").first()
    if known is None:
        known = make_terminal(site, device_id="other")
        terminal_address_replace(terminal=known, overlap=HOUR)
        terminal_address_replace(
            terminal=Terminal.objects.get(site=site, device_id="0000001"), overlap=HOUR
        )
    return known


def seen(*, photo_id: int, terminal_id: int, token_id: int, now: datetime) -> Any:
    """Return the photo and its person, if the terminal may hold them now, as a queryset says it."""
    of_person = LibraryMembership.objects.filter(person=OuterRef(OuterRef("pk")))
    theirs = of_person.filter(library__terminal_links__terminal=terminal_id)
    holders = Terminal.objects.filter(
        Q(all_libraries=True) & Exists(of_person) | Exists(theirs),
        pk=terminal_id,
        site=OuterRef("site"),
        status="approved",
    )
    if token_id:
        counts = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
        used = SiteToken.objects.filter(counts, pk=token_id, site=OuterRef("site"))
        of_site = Exists(used.filter(terminal=None)) & Q(own_address_since__isnull=True)
        holders = holders.filter(Exists(used.filter(terminal=terminal_id)) | of_site)
    else:
        holders = holders.filter(site__allow_bare_path=True, own_address_since__isnull=True)
    people = Person.objects.filter(
        fit_for_terminals(now), Exists(holders), photos=photo_id, photos__status=PhotoStatus.OK
    )
    return people.order_by().values_list("photos__sha256", "photos__image", "pk")


@SHARED
@given(
    newest=st.sampled_from([None, 0, 3, 9]),
    stamps=st.tuples(*[st.integers(1, 9)] * 3),
    saves=st.integers(0, 10),
    deletes=st.integers(0, 10),
)
def test_the_sync_state(
    people: list[Person],
    terminal: Terminal,
    newest: int | None,
    stamps: tuple[int, int, int],
    saves: int,
    deletes: int,
) -> None:
    person_stamp, again_stamp, delete_stamp = stamps
    SyncClock.objects.filter(site=terminal.site).delete()
    if newest is not None:
        SyncClock.objects.create(site=terminal.site, last_stamp=newest)
    Person.objects.filter(site=terminal.site).update(sync_stamp=person_stamp)
    rows = Delivery.objects.filter(terminal=terminal)
    rows.filter(user_id="1").update(operation="save", again_stamp=again_stamp)
    rows.filter(user_id="2").update(operation="delete", sync_stamp=delete_stamp)

    *known, has_people, has_again, has_deletes = (
        sync_state_row(terminal_id=terminal.pk, saves=saves, deletes=deletes) or ()
    )

    cursor = TerminalCursor.objects.get(terminal=terminal)
    terminal.refresh_from_db()
    assert known == [
        terminal.pk,
        terminal.site_id,
        terminal.status,
        terminal.all_libraries,
        cursor.complete_from,
        cursor.issued,
        newest,
    ]
    saved = rows.filter(operation="save", again_stamp__gt=saves).exists()
    gone = rows.filter(operation="delete", sync_stamp__gt=deletes).exists()
    moved = newest or 0
    assert bool(has_people) is (moved > saves and person_stamp > saves)
    assert bool(has_again) is (moved > saves and saved)
    assert bool(has_deletes) is (moved > deletes and gone)
    assert sync_state_row(terminal_id=0, saves=saves, deletes=deletes) is None


@SHARED
@given(complete_from=st.none() | st.integers(0, 9), issued=st.integers(0, 9))
def test_a_cursor_is_read_and_moved(
    people: list[Person], terminal: Terminal, complete_from: int | None, issued: int
) -> None:
    row = TerminalCursor.objects.filter(terminal=terminal)
    row.update(complete_from=complete_from, issued=issued)

    found = cursor_lock(terminal_id=terminal.pk)
    cursor_move(terminal_id=terminal.pk, issued=issued + 1, now=NOW)

    assert found is not None
    assert (found.complete_from, found.issued) == (complete_from, issued)
    assert row.values_list("issued", "polled_at").get() == (issued + 1, NOW)
    assert cursor_lock(terminal_id=0) is None


@SHARED
@given(
    reported_at=st.sampled_from([None, NOW]),
    values=st.fixed_dictionaries(
        {
            "state": st.sampled_from(["pending", "sent", "stored", "failed"]),
            "held": st.booleans(),
            "retry_at": MOMENTS,
            "remedy": st.sampled_from(["", "free_space"]),
            "code": st.sampled_from(["", "100", "%s"]),
            "message": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=9),
            "answered_at": MOMENTS,
            "changed_at": st.sampled_from([NOW - HOUR, NOW]),
            "unanswered": st.integers(0, 3),
            "again_stamp": st.none() | st.integers(1, 9),
            "doubted": st.integers(0, 3),
        }
    ).filter(lambda row: row["retry_at"] is None or (row["state"], row["remedy"]) == FAILED),
)
def test_the_row_of_a_result(
    people: list[Person],
    terminal: Terminal,
    reported_at: datetime | None,
    values: dict[str, Any],
) -> None:
    TerminalCursor.objects.filter(terminal=terminal).update(reported_at=reported_at)

    found = result_row_lock(terminal_id=terminal.pk, user_id="1")
    assert found is not None
    row, said = found

    stored = Delivery.objects.get(terminal=terminal, user_id="1")
    assert said is (reported_at is not None)
    for field in Delivery._meta.concrete_fields:
        assert getattr(row, field.attname) == getattr(stored, field.attname), field.attname
    before = dict(stored.__dict__)
    for name, value in values.items():
        setattr(row, name, value)
    result_row_save(row)
    stored.refresh_from_db()
    for name in {field.attname for field in Delivery._meta.concrete_fields}:
        assert getattr(stored, name) == values.get(name, before[name]), name
    assert result_row_lock(terminal_id=terminal.pk, user_id="nobody") is None


def test_a_fetched_photo_is_noted_on_its_row_alone(
    people: list[Person], terminal: Terminal
) -> None:
    photo_fetched_note(terminal_id=terminal.pk, person_id=people[0].pk, now=NOW)

    noted = Delivery.objects.filter(downloaded_at=NOW).values_list("terminal_id", "person_id")
    assert list(noted) == [(terminal.pk, people[0].pk)]
