"""Encryption at rest and keyed digests."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as runs
from hypothesis import strategies as st

from server_common.crypto import Unsealable, keyed_digest, keyed_digests, seal, unseal


@given(st.binary(max_size=600))
def test_what_was_sealed_opens_again(plain: bytes) -> None:
    assert unseal(seal(plain, purpose="a"), purpose="a") == plain


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert seal(b"x", purpose="a") != seal(b"x", purpose="a")


def test_a_value_cannot_be_moved_to_another_column() -> None:
    with pytest.raises(Unsealable):
        unseal(seal(b"x", purpose="a"), purpose="b")


@runs(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=st.integers(min_value=0, max_value=33), bit=st.integers(min_value=0, max_value=7))
def test_an_altered_value_does_not_open(position: int, bit: int) -> None:
    sealed = bytearray(seal(b"xx", purpose="a"))
    sealed[position] ^= 1 << bit

    with pytest.raises(Unsealable):
        unseal(bytes(sealed), purpose="a")


@pytest.mark.parametrize("sealed", [b"", b"x", b"x" * 16, b"x" * 40])
def test_garbage_does_not_open(sealed: bytes) -> None:
    with pytest.raises(Unsealable):
        unseal(sealed, purpose="a")


def test_keys_rotate(settings: Any) -> None:
    settings.FIELD_KEYS = ["old"]
    sealed, digest = seal(b"x", purpose="a"), keyed_digest("token", purpose="a")

    settings.FIELD_KEYS = ["new", "old"]
    assert unseal(sealed, purpose="a") == b"x"
    assert digest in keyed_digests("token", purpose="a")
    assert keyed_digest("token", purpose="a") != digest

    settings.FIELD_KEYS = ["new"]
    with pytest.raises(Unsealable):
        unseal(sealed, purpose="a")


def test_digests_depend_on_purpose_and_value() -> None:
    digests = {keyed_digest(value, purpose=purpose) for value in "xy" for purpose in "ab"}

    assert len(digests) == 4
