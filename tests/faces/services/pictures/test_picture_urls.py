"""Addresses of pictures: short, signed, expiring, and never somebody else's."""

import base64
import io
import logging
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from devices.models import Terminal
from faces.models import FacePhoto, Library, Person
from faces.services import (
    PICTURE_ROOT_MAX,
    BadPictureAddress,
    PictureGrant,
    person_erase,
    person_save,
    photo_attach,
    picture_grant,
    picture_path,
    picture_root,
)
from faces.services.pictures import urls as module
from tests.support.people import checked_photo, enrol
from tests.support.wire import WireClient

LONG = "http://" + "x" * 60 + ".community.example"
SHORT = "http://door.example"


def name_of(path: str) -> str:
    """Return what the signature is about: the last segment without its ending."""
    return path.removeprefix("/i/").removesuffix(".jpg")


def name_service(monkeypatch: pytest.MonkeyPatch, known: dict[str, str]) -> None:
    """Let a name service know these names and no other."""

    def getaddrinfo(name: str, *_: Any) -> list[Any]:
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "unknown")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (known[name], 0))]

    monkeypatch.setattr(module.socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(autouse=True)
def _no_name_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no name be known; tests ask nobody outside."""
    name_service(monkeypatch, {})


class TestSignature:
    @given(st.integers(1, 2**40 - 1), st.integers(1, 2**32 - 1), st.integers(0, 2**32 - 1))
    def test_it_says_which_photo_for_which_terminal_and_token(
        self, photo: int, terminal: int, token: int
    ) -> None:
        granted = picture_grant(name_of(picture_path(photo, terminal, token)))

        assert granted == PictureGrant(photo, terminal, token)

    @given(st.integers(0, 32 * 8 - 1))
    def test_a_changed_bit_is_no_address(self, bit: int) -> None:
        raw = bytearray(base64.urlsafe_b64decode(name_of(picture_path(7, 9, 5)) + "="))
        raw[bit // 8] ^= 1 << (bit % 8)
        name = base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("=")

        with pytest.raises(BadPictureAddress):
            picture_grant(name)

    @given(st.text(max_size=80))
    def test_nonsense_is_no_address(self, name: str) -> None:
        with pytest.raises(BadPictureAddress):
            picture_grant(name)

    def test_it_works_while_the_old_key_is_known_and_not_after(self, settings: Any) -> None:
        settings.FIELD_KEYS = ["old"]
        name = name_of(picture_path(7, 9, 5))

        settings.FIELD_KEYS = ["new", "old"]
        assert picture_grant(name).photo_id == 7
        assert name_of(picture_path(7, 9, 5)) != name

        settings.FIELD_KEYS = ["new"]
        with pytest.raises(BadPictureAddress, match="not signed here"):
            picture_grant(name)

    def test_it_expires_at_the_next_full_hour_after_its_time(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.PICTURE_URL_SECONDS = 7200
        made = timezone.now().replace(minute=20, second=0, microsecond=0)
        now = [made]
        monkeypatch.setattr(module.timezone, "now", lambda: now[0])
        name = name_of(picture_path(7, 9, 5))
        ends = made.replace(minute=0) + timedelta(hours=3)

        now[0] = ends
        assert picture_grant(name).photo_id == 7
        now[0] = ends + timedelta(seconds=1)
        with pytest.raises(BadPictureAddress, match="expired"):
            picture_grant(name)


class TestLength:
    @pytest.mark.parametrize(
        ("picture_url", "public_url", "host", "expected"),
        [
            ("", "", "menjin.local:8000", "http://menjin.local:8000"),
            ("", SHORT, "menjin.local", SHORT),
            (SHORT, LONG, "menjin.local", SHORT),
            ("", LONG, "menjin.local", "http://menjin.local"),
            # Terminals fetch pictures over plain HTTP only.
            ("", "https://door.example", "menjin.local", "http://menjin.local"),
        ],
    )
    def test_the_first_root_that_a_terminal_can_use(
        self,
        settings: Any,
        picture_url: str,
        public_url: str,
        host: str,
        expected: str,
    ) -> None:
        settings.PICTURE_URL, settings.PUBLIC_URL = picture_url, public_url

        assert picture_root(host) == expected

    @given(st.integers(1, 253))
    def test_no_address_is_longer_than_a_terminal_takes(self, characters: int) -> None:
        host = ("x" * 60 + ".") * 5
        root = picture_root(host[:characters])

        assert len(root + picture_path(2**40 - 1, 2**32 - 1, 2**32 - 1)) <= 128

    def test_a_name_that_is_too_long_is_called_by_its_number(
        self, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.ALLOWED_HOSTS = ["127.0.0.1"]
        host = LONG.removeprefix("http://")
        known = {host: "127.0.0.1"}
        name_service(monkeypatch, known)

        assert picture_root(f"{host}:8000") == "http://127.0.0.1:8000"

    def test_a_number_that_this_server_does_not_answer_is_none(
        self,
        settings: Any,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        settings.ALLOWED_HOSTS = ["door.example"]
        name_service(monkeypatch, {"x" * 100: "127.0.0.1"})

        with caplog.at_level(logging.ERROR):
            assert [picture_root("x" * 100), picture_root("x" * 100)] == ["", ""]

        assert caplog.text.count("picture_address_too_long") == 1

    @pytest.mark.parametrize(
        ("picture_url", "public_url", "expected"),
        [
            ("", "", []),
            ("", SHORT, []),
            (SHORT, LONG, []),
            ("", LONG, ["faces.W001"]),
            ("", "https://door.example", ["faces.W001"]),
            (LONG, SHORT, ["faces.E001"]),
            ("https://door.example", "", ["faces.E001"]),
        ],
    )
    def test_the_settings_are_checked(
        self, settings: Any, picture_url: str, public_url: str, expected: list[str]
    ) -> None:
        settings.PICTURE_URL, settings.PUBLIC_URL = picture_url, public_url

        assert [one.id for one in run_checks() if one.id.startswith("faces.")] == expected

    def test_what_is_left_for_the_host(self) -> None:
        assert PICTURE_ROOT_MAX == 78


@pytest.mark.django_db
@pytest.mark.sqlite
class TestServing:
    @pytest.fixture
    def held(self, wire: WireClient, terminal: Terminal, library: Library) -> dict[str, str]:
        """Return the paths that the terminal was told, by user id."""
        for user_id in "12":
            enrol(library, user_id)
        wire.sync()
        return {key: url.removeprefix("http://testserver") for key, url in wire.held.items()}

    def test_it_is_exactly_the_stored_jpeg_of_that_person(
        self, held: dict[str, str], client: Client
    ) -> None:
        for user_id, path in held.items():
            photo = FacePhoto.objects.get(person__user_id=user_id)
            with default_storage.open(str(photo.image.name)) as stored:
                assert client.get(path).content == stored.read()
        assert len(set(held.values())) == 2

    def test_a_real_photo_is_the_normalised_jpeg(
        self, wire: WireClient, terminal: Terminal, obama: Person, portraits: dict[str, Path]
    ) -> None:
        wire.sync()
        served = wire.client.get(wire.held["1001"].removeprefix("http://testserver")).content

        image = Image.open(io.BytesIO(served))
        assert image.format == "JPEG"
        assert 300 <= min(image.size) <= max(image.size) <= 500
        assert not image.getexif()

    def test_an_unchanged_picture_is_not_sent_twice(
        self, held: dict[str, str], client: Client
    ) -> None:
        first = client.get(held["1"])
        again = client.get(held["1"], headers={"If-None-Match": first["ETag"]})
        other = client.get(held["2"], headers={"If-None-Match": first["ETag"]})

        assert (again.status_code, again.content) == (304, b"")
        assert other.status_code == 200

    def test_some_terminals_add_a_query(self, held: dict[str, str], client: Client) -> None:
        assert client.get(f"{held['1']}?size=123").status_code == 200

    def test_nginx_is_asked_to_send_the_file(
        self, held: dict[str, str], client: Client, settings: Any
    ) -> None:
        settings.ACCEL_LOCATION = "/protected/"

        response = client.get(held["1"])

        photo = FacePhoto.objects.get(person__user_id="1")
        assert response["X-Accel-Redirect"] == f"/protected/{photo.image.name}"
        assert response.content == b""
        assert response["ETag"]

    def test_a_replaced_photo_is_gone(self, held: dict[str, str], client: Client) -> None:
        photo_attach(person=Person.objects.get(user_id="1"), checked=checked_photo("new"))

        assert client.get(held["1"]).status_code == 410
        assert client.get(held["2"]).status_code == 200

    def test_an_erased_persons_photo_is_gone(self, held: dict[str, str], client: Client) -> None:
        person_erase(person=Person.objects.get(user_id="1"))

        assert client.get(held["1"]).status_code == 410

    def test_a_new_name_keeps_the_address(self, held: dict[str, str], wire: WireClient) -> None:
        """So that a terminal or proxy may keep the picture."""
        person = Person.objects.get(user_id="1")
        person.name = "Renamed"
        person_save(person=person)
        wire.sync()

        assert wire.held["1"].removeprefix("http://testserver") == held["1"]
