"""Files of a message that turned out to be known already are gone with it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.db import connection

from devices.models import Site, Terminal
from faces.services import files_erase
from records.choices import Origin
from records.models import Picture, Record
from records.services.passes.fetching import sign_store
from server_common.stored_files import files_named
from tests.support.guarded_storage import GuardedStorage
from tests.support.signs import picture, sign, upload_of
from tests.support.wire import WireClient

pytestmark = pytest.mark.django_db(transaction=True)


def stored(site: Site) -> set[str]:
    """Return the files of pictures of a site."""
    root = f"records/{site.pk}"
    if not default_storage.exists(root):
        return set()
    return {
        f"{root}/{folder}/{name}"
        for folder in default_storage.listdir(root)[0]
        for name in default_storage.listdir(f"{root}/{folder}")[1]
    }


def named() -> set[str]:
    """Return the files that rows of pictures name."""
    return set(Picture.objects.values_list("image", flat=True))


@contextmanager
def meanwhile(post: Any) -> Iterator[None]:
    """Have another process take in a message just before this one names its picture."""
    is_done = False

    def watch(execute: Any, sql: str, *rest: Any) -> Any:
        nonlocal is_done
        if not is_done and sql.startswith('INSERT INTO "records_picture"'):
            is_done = True
            other = threading.Thread(target=run)
            other.start()
            other.join(20)
        return execute(sql, *rest)

    def run() -> None:
        post()
        connection.close()

    with connection.execute_wrapper(watch):
        yield
    assert is_done


@pytest.mark.parametrize("address", ["syface", "syattribute"])
def test_a_message_that_arrives_twice_at_once_leaves_one_file(
    site: Site, terminal: Terminal, token: str, address: str
) -> None:
    body = {**upload_of(sign(1)), "userId": "1"}
    before = stored(site)

    def post() -> dict[str, Any]:
        return WireClient(token=token).post(address, body)

    with meanwhile(post):
        answer = post()

    assert answer["ret"] == "0"
    assert Record.objects.count() == 1
    assert len(named()) == 1
    assert stored(site) - before == named()


@pytest.mark.parametrize("address", ["syface", "syattribute"])
def test_a_message_is_answered_though_its_second_file_cannot_be_deleted(
    site: Site, token: str, terminal: Terminal, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = {**upload_of(sign(1)), "userId": "1"}
    before = stored(site)

    def post() -> dict[str, Any]:
        return WireClient(token=token).post(address, body)

    def refuse(storage: GuardedStorage, name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(GuardedStorage, "delete", refuse)
    with meanwhile(post):
        answer = post()

    assert answer["ret"] == "0"
    assert Record.objects.count() == 1
    # The sweep finds it.
    left = stored(site) - before - named()
    assert len(left) == 1
    assert files_named(left) == set()


def test_a_pass_that_is_told_again_with_another_picture_leaves_no_second_file(
    gate: Terminal, token: str
) -> None:
    """The picture's row goes when the pass is found to be known, and its file with it."""
    one = sign(1, ago_s=10)
    before = stored(gate.site)
    WireClient(token=token, device_id=gate.device_id).post("syface", upload_of(one))

    told = {**one, "signAvatar": picture(222)}
    is_new = sign_store(terminal=gate, sign=told, origin=Origin.PUSHED)
    files_erase()

    assert is_new is False
    assert Record.objects.count() == 1
    assert stored(gate.site) - before == named()
    assert len(named()) == 1
