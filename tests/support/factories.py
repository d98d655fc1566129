"""Rows for tests, made through the services that make them in the product.

Each returns what it made; what is not said is chosen so that it does not collide.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from devices.models import Site, SiteMembership, Terminal
from devices.services import api_token_create, site_create, terminal_create
from faces.models import Library, Person
from faces.services import library_save, person_save
from tests.support.wire import WireClient

_numbers = itertools.count(1)


def make_site(**fields: Any) -> Site:
    """Return a site with a BaseUrl; terminals that call are approved at once."""
    number = next(_numbers)
    return site_create(
        **{"code": f"site-{number}", "name": f"Site {number}", "auto_approve": True, **fields}
    )


def make_terminal(site: Site, **fields: Any) -> Terminal:
    """Return an approved terminal that holds every library, unless told otherwise."""
    fields = {"device_id": f"{next(_numbers):07d}", "status": "approved", **fields}
    fields.setdefault("all_libraries", "libraries" not in fields)
    return terminal_create(site=site, **fields)


def make_library(site: Site, name: str = "") -> Library:
    """Return a library."""
    return library_save(library=Library(site=site, name=name or f"Library {next(_numbers)}"))


def make_person(
    site: Site, *, photo: Path | None = None, libraries: Sequence[Library] = (), **fields: Any
) -> Person:
    """Return a person; with a portrait, the face is detected, judged and described for real."""
    number = next(_numbers)
    return person_save(
        person=Person(site=site, **{"user_id": f"p{number}", "name": f"Person {number}", **fields}),
        library_ids=[library.pk for library in libraries],
        photo=photo.read_bytes() if photo else None,
    )


def make_user(site: Site | None = None, *, role: str = "manager", **fields: Any) -> User:
    """Return a user who works for a site, or for none."""
    user = User.objects.create_user(**{"username": f"user-{next(_numbers)}", **fields})
    if site is not None:
        SiteMembership.objects.create(user=user, site=site, role=role)
    return user


def api_of(user: User) -> APIClient:
    """Return a program that uses the REST interface with a token of a user."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {api_token_create(user=user, name='test')}")
    return client


def wire_of(terminal: Terminal) -> WireClient:
    """Return a terminal's view of the platform, under its site's secret address."""
    token = terminal.site.tokens.get(ends_at__isnull=True).token
    return WireClient(token=token, device_id=terminal.device_id)


def upload(photo: Path | bytes) -> SimpleUploadedFile:
    """Return a picture as a browser uploads it."""
    content = photo if isinstance(photo, bytes) else photo.read_bytes()
    return SimpleUploadedFile("photo.jpg", content, content_type="image/jpeg")
