"""Two sites with a bit of everything; whatever belongs to the second one says "Bravo"."""

import io
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client
from django.utils import timezone
from PIL import Image

from devices.models import Job, Site, SiteMembership, Terminal, TerminalCommand
from devices.services import site_create
from faces.models import Delivery, FacePhoto, Library, LibraryMembership, Person, Revocation
from records.choices import AlertKind
from records.models import Alert, Picture, Record
from records.services import alert_raise
from tests.support.row_snapshot import Snapshot

__all__ = ["Side", "World", "client_of", "jpeg", "world"]


def jpeg(shade: int = 120) -> bytes:
    """Return a small picture without a face."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (shade, shade, shade)).save(buffer, "JPEG")
    return buffer.getvalue()


@dataclass
class Side:
    """One site and one row of each kind that belongs to it."""

    site: Site
    terminal: Terminal
    library: Library
    person: Person
    photo: FacePhoto
    delivery: Delivery
    revocation: Revocation
    record: Record
    alert: Alert
    command: TerminalCommand
    job: Job


@dataclass
class World:
    """Two sites and those who work for the first one."""

    ours: Side
    theirs: Side
    manager: User
    guard: User
    superuser: User


def side(code: str, word: str) -> Side:
    """Build a site whose rows all carry ``word``."""
    site = site_create(code=code, name=f"{word} site")
    terminal = Terminal.objects.create(
        site=site, device_id=f"{word}-dev", name=f"{word} door", status="approved"
    )
    library = Library.objects.create(site=site, name=f"{word} residents")
    person = Person.objects.create(
        site=site, user_id=f"{word}-1", name=f"{word} person", id_number="11010519491231002X"
    )
    LibraryMembership.objects.create(person=person, library=library)
    photo = FacePhoto(person=person, status="ok", sha256=word)
    photo.image.save("photo.jpg", ContentFile(jpeg(200)), save=True)
    delivery = Delivery.objects.create(
        terminal=terminal,
        person=person,
        user_id=person.user_id,
        state="failed",
        code="30002",
        changed_at=timezone.now(),
    )
    revocation = Revocation.objects.create(
        site=site, user_id=f"{word}-gone", doors=2, begun_at=timezone.now()
    )
    picture = Picture(site=site, sha256=code * 4, width=64, height=64)
    picture.image.save("picture.jpg", ContentFile(jpeg(80)), save=True)
    record = Record.objects.create(
        site=site,
        terminal=terminal,
        kind="pass",
        dedupe_key=word,
        person=person,
        user_id=person.user_id,
        user_name=f"{word} person",
        received_at=timezone.now(),
        temperature_c=Decimal("38.20"),
        door_opened=False,
        reason="fever",
        picture=picture,
    )
    alert = alert_raise(kind=AlertKind.HIGH_TEMPERATURE, terminal=terminal, record=record)
    assert alert is not None
    command = TerminalCommand.objects.create(
        terminal=terminal,
        kind="open_door",
        requester=f"{word} manager",
        reason=f"{word} parcel",
        expires_at=timezone.now() + timedelta(hours=1),
    )
    job = Job.objects.create(
        site=site,
        kind="faces.people_erase",
        state="done",
        total=1,
        done=1,
        result={"people": 1},
        requester=f"{word} manager",
        ended_at=timezone.now(),
    )
    return Side(
        site, terminal, library, person, photo, delivery, revocation, record, alert, command, job
    )


def _world_built() -> World:
    """Build both sites by the services; manager and guard have no Django permission at all."""
    ours, theirs = side("alpha", "Alpha"), side("bravo", "Bravo")
    manager = User.objects.create_user("manager", password="manager-pass", is_staff=True)
    guard = User.objects.create_user("guard", password="guard-pass", is_staff=True)
    SiteMembership.objects.create(user=manager, site=ours.site, role="manager")
    SiteMembership.objects.create(user=guard, site=ours.site, role="guard")
    superuser = User.objects.create_superuser("root", password="root-pass")
    return World(ours, theirs, manager, guard, superuser)


_kept: list[Snapshot[World]] = []


@pytest.fixture
def world(db: None) -> World:
    """Return both sites: built once by a process, and stored again for each further test."""
    if connection.vendor != "postgresql":
        # SQLite gives numbers of rows that went with a transaction anew; here they never return.
        return _world_built()
    if not _kept:
        _kept.append(Snapshot.of(_world_built))
        return _kept[0].built
    return _kept[0].stored_again()


def client_of(user: User) -> Client:
    """Return a browser in which a user is signed in."""
    client = Client()
    client.force_login(user)
    return client
