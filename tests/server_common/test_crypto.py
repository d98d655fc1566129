"""Sealed values and keyed digests: what a stolen database does not tell."""

import base64
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from devices.models import Site, Terminal
from server_common.crypto import Unsealable, keyed_digest, keyed_digests, seal, unseal

SHARED_SETTINGS = examples(suppress_health_check=[HealthCheck.function_scoped_fixture])


@given(plain=st.binary(max_size=3000), purpose=st.text(min_size=1, max_size=40))
def test_what_was_sealed_can_be_opened_again(plain: bytes, purpose: str) -> None:
    assert unseal(seal(plain, purpose=purpose), purpose=purpose) == plain


def test_the_same_value_never_looks_the_same() -> None:
    sealed = {seal(b"430101199001011234", purpose="faces.id_number") for _ in range(50)}

    assert len(sealed) == 50
    assert not any(b"430101199001011234" in one for one in sealed)


def test_a_value_cannot_be_moved_to_another_column() -> None:
    with pytest.raises(Unsealable):
        unseal(seal(b"x", purpose="faces.id_number"), purpose="devices.terminal_password")


@given(plain=st.binary(min_size=1, max_size=50), where=st.integers(0, 10**6), bit=st.integers(0, 7))
def test_one_altered_bit_is_noticed(plain: bytes, where: int, bit: int) -> None:
    sealed = bytearray(seal(plain, purpose="p"))
    sealed[where % len(sealed)] ^= 1 << bit

    with pytest.raises(Unsealable):
        unseal(bytes(sealed), purpose="p")


@given(keep=st.integers(0, 31))
def test_a_value_cut_short_is_noticed(keep: int) -> None:
    with pytest.raises(Unsealable):
        unseal(seal(b"four", purpose="p")[:keep], purpose="p")


def test_a_new_key_seals_and_the_old_one_still_opens(settings: Any) -> None:
    settings.FIELD_KEYS = ["old"]
    before = seal(b"x", purpose="p")
    digest = keyed_digest("token", purpose="p")

    settings.FIELD_KEYS = ["new", "old"]
    after = seal(b"x", purpose="p")
    assert unseal(before, purpose="p") == b"x"
    assert digest in keyed_digests("token", purpose="p")

    settings.FIELD_KEYS = ["new"]
    assert unseal(after, purpose="p") == b"x"
    with pytest.raises(Unsealable):
        unseal(before, purpose="p")


@SHARED_SETTINGS
@given(value=st.text(max_size=60), other=st.text(max_size=60))
def test_a_digest_depends_on_value_purpose_and_key(value: str, other: str, settings: Any) -> None:
    digest = keyed_digest(value, purpose="p")

    assert digest == keyed_digest(value, purpose="p")
    assert (digest == keyed_digest(other, purpose="p")) is (value == other)
    assert digest != keyed_digest(value, purpose="q")
    assert digest != keyed_digest(value, purpose="p", key="another key")
    assert len(digest) == 64


@pytest.mark.sqlite
@pytest.mark.django_db
@pytest.mark.parametrize("password", ["", "123456", "密码🙂", "x" * 500])
def test_a_sealed_column_is_plain_in_python_and_sealed_in_the_table(
    site: Site, password: str
) -> None:
    terminal = Terminal.objects.create(site=site, device_id="1", api_password=password)

    with connection.cursor() as cursor:
        cursor.execute("SELECT api_password FROM devices_terminal WHERE id = %s", [terminal.pk])
        stored = cursor.fetchone()[0]
    assert Terminal.objects.get().api_password == password
    if password:
        raw = base64.urlsafe_b64decode(stored)
        assert password not in stored
        assert password.encode() not in raw
        assert unseal(raw, purpose="devices.terminal_password") == password.encode()
