"""An address of a picture ends with the right to see it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Site, SiteToken, Terminal
from devices.services import (
    site_token_rotate,
    terminal_address_end,
    terminal_address_replace,
    terminal_disable,
)
from faces.choices import Category, PersonState
from faces.models import Delivery, FacePhoto, Library, LibraryMembership, Person, TerminalLibrary
from faces.selectors import people_for_terminal
from faces.services import PictureGrant, person_save, photo_fetched, terminal_libraries_set
from tests.support.people import enrol
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


@pytest.fixture
def picture(wire: WireClient, terminal: Terminal, library: Library) -> str:
    """Return the path of a picture that the terminal was told."""
    terminal_libraries_set(terminal=terminal, library_ids=[library.pk])
    enrol(library, "1")
    wire.sync()
    return wire.held["1"].removeprefix("http://testserver")


def status(wire: WireClient, picture: str, **given: Any) -> int:
    """Fetch a picture and return the status."""
    return int(wire.client.get(picture, **given).status_code)


def library_removed() -> None:
    """Take the library from the terminal."""
    terminal_libraries_set(terminal=Terminal.objects.get(), library_ids=[])


def left_library() -> None:
    """Take the person out of the library."""
    person_save(person=Person.objects.get(), library_ids=[])


def changed(**fields: Any) -> Callable[[], None]:
    """Return what changes the person so."""

    def change() -> None:
        person = Person.objects.get()
        for name, value in fields.items():
            setattr(person, name, value)
        person_save(person=person)

    return change


def disabled() -> None:
    """Disable the terminal."""
    terminal_disable(terminal=Terminal.objects.get())


def pending() -> None:
    """Have the terminal wait for approval again."""
    Terminal.objects.update(status=TerminalStatus.PENDING)


def token_over() -> None:
    """Give the site another address, without an overlap."""
    site_token_rotate(site=Site.objects.get(), overlap=timedelta())


def elsewhere() -> None:
    """Let the site be called from another network only."""
    Site.objects.update(allowed_networks=["10.0.0.0/8"])


def own_address_used() -> None:
    """Let the terminal call under an address of its own."""
    own = terminal_address_replace(terminal=Terminal.objects.get(), overlap=timedelta())
    WireClient(token=own.token).post("syheartbeat", "")


@pytest.mark.parametrize(
    "ended",
    [
        library_removed,
        left_library,
        changed(state=PersonState.SUSPENDED),
        changed(category=Category.BLACKLIST),
        changed(valid_until=timezone.now() - timedelta(hours=1)),
        disabled,
        pending,
        token_over,
        elsewhere,
        own_address_used,
    ],
)
def test_it_ends_with_what_the_terminal_may_hold(
    wire: WireClient, picture: str, ended: Callable[[], None]
) -> None:
    first = wire.client.get(picture)
    assert first.status_code == 200

    ended()

    assert status(wire, picture) == 410
    assert status(wire, picture, headers={"If-None-Match": first["ETag"]}) == 410


def test_it_holds_through_what_takes_no_right_away(wire: WireClient, picture: str) -> None:
    site_token_rotate(site=Site.objects.get(), overlap=timedelta(hours=1))
    terminal_address_replace(terminal=Terminal.objects.get(), overlap=timedelta())
    Site.objects.update(allowed_networks=["127.0.0.0/8"])
    Terminal.objects.update(all_libraries=True)
    TerminalLibrary.objects.all().delete()

    assert status(wire, picture) == 200


def test_one_told_under_the_terminals_own_address_ends_with_that(
    wire: WireClient, picture: str
) -> None:
    terminal = Terminal.objects.get()
    own = WireClient(token=terminal_address_replace(terminal=terminal, overlap=timedelta()).token)
    own.sync()
    told = own.held["1"].removeprefix("http://testserver")
    assert (status(wire, told), status(wire, picture)) == (200, 410)

    terminal_address_end(terminal=terminal)

    assert status(wire, told) == 410


def test_one_told_on_the_bare_path_ends_with_that(
    wire: WireClient, picture: str, terminal: Terminal
) -> None:
    Site.objects.update(allow_bare_path=True)
    bare = WireClient(token=None)
    bare.sync()
    told = bare.held["1"].removeprefix("http://testserver")
    assert status(wire, told) == 200

    Site.objects.update(allow_bare_path=False)

    assert status(wire, told) == 410


def test_a_refused_picture_was_not_fetched(wire: WireClient, picture: str) -> None:
    elsewhere()

    assert status(wire, picture) == 410

    assert Delivery.objects.get().downloaded_at is None


def test_the_right_is_looked_up_by_one_statement(wire: WireClient, picture: str) -> None:
    """The other one notes that the picture was fetched, as before."""
    status(wire, picture)
    with CaptureQueriesContext(
        connection,
    ) as asked:
        status(wire, picture)
    assert [one["sql"].split()[0] for one in asked] == ["SELECT", "UPDATE"]

    left_library()
    with CaptureQueriesContext(connection) as asked:
        status(wire, picture)
    assert [one["sql"].split()[0] for one in asked] == ["SELECT"]


def test_it_is_the_people_of_a_terminal_and_no_others(
    site: Site, terminal: Terminal, library: Library
) -> None:
    """Who may be seen and who is told are defined in one place each; they agree."""
    other = Library.objects.create(site=site, name="other")
    for number in range(8):
        enrol(library if number % 2 else other, str(number))
    Person.objects.filter(user_id="1").update(category=Category.BLACKLIST)
    Person.objects.filter(user_id="3").update(state=PersonState.SUSPENDED)
    LibraryMembership.objects.filter(person__user_id="5").delete()
    token_id = SiteToken.objects.get().pk

    for all_libraries in (True, False):
        Terminal.objects.update(all_libraries=all_libraries)
        TerminalLibrary.objects.get_or_create(terminal=terminal, library=library)
        terminal.refresh_from_db()
        seen = {
            photo.person_id
            for photo in FacePhoto.objects.all()
            if photo_fetched(PictureGrant(photo.pk, terminal.pk, token_id), address="127.0.0.1")
        }
        assert seen == set(people_for_terminal(terminal).values_list("pk", flat=True))
        assert seen
