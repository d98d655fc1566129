"""ServerURL of 9.5 is the BaseUrl in use: its secret is neither kept nor shown."""

import importlib
import json
import logging

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.test import Client

from devices.models import Terminal
from devices.services import exchanges_last, server_url_shown
from tests.support.wire import WireClient

pytestmark = pytest.mark.django_db


def beat(wire: WireClient, url: str) -> str:
    body = {"Heartinfo": {"deviceid": wire.device_id, "ServerURL": url}}
    return str(wire.post("syheartbeat", body)["ret"])


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("http://door.example/t/{token}", "http://door.example/t/***"),
        ("http://door.example/t/{token}/", "http://door.example/t/***/"),
        ("door.example:8000/T/{token}?x=1", "door.example:8000/T/***?x=1"),
        ("http://door.example/t/abc%5Fdefghijk", "http://door.example/t/***"),
        ("http://me:{token}@door.example/deepcloud", "http://***@door.example/deepcloud"),
        ("me:{token}@door.example", "***@door.example"),
        ("http://" + "a" * 121, "http://" + "a" * 121),
        ("www.qwertasd.com", "www.qwertasd.com"),
        ("http://door.example/api/alarmDetection", "http://door.example/api/alarmDetection"),
        ("", ""),
    ],
)
def test_address_is_kept_without_its_secret(
    wire: WireClient, terminal: Terminal, token: str, said: str, shown: str
) -> None:
    assert beat(wire, said.format(token=token)) == "0"

    terminal.refresh_from_db()
    assert terminal.server_url == shown
    assert server_url_shown(said.format(token=token)) == shown


def test_secret_is_in_no_log_no_exchange_and_no_page(
    wire: WireClient,
    terminal: Terminal,
    token: str,
    caplog: pytest.LogCaptureFixture,
    client: Client,
    django_user_model: type[User],
) -> None:
    caplog.set_level(logging.DEBUG)
    for _ in range(2):
        beat(wire, f"http://door.example/t/{token}")
    client.force_login(django_user_model.objects.create_superuser("root"))

    page = client.get(f"/admin/devices/terminal/{terminal.pk}/change/").content.decode()
    told = [one.said for one in exchanges_last(terminal_id=terminal.pk)]

    assert "http://door.example/t/***" in page
    for text in (page, json.dumps(told), caplog.text):
        assert token not in text


def test_addresses_that_are_kept_already_lose_their_secret(terminal: Terminal, token: str) -> None:
    migration = importlib.import_module("devices.migrations.0009_server_without_secret")
    Terminal.objects.update(server_url=f"http://door.example/t/{token}")

    migration.mask(apps, None)

    terminal.refresh_from_db()
    assert terminal.server_url == "http://door.example/t/***"
