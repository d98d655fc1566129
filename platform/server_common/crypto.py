"""Encryption at rest and keyed digests, with keys from the environment.

Sealed values are AES-256-GCM: 4 bytes that name the key, 12 bytes nonce, ciphertext and tag. The
purpose is bound in as associated data, so a value cannot be moved to another column. The first
key of ``FIELD_KEYS`` seals; the others still open what they sealed (rotation).
"""

import base64
import hashlib
import hmac
import secrets
from functools import lru_cache

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.db import models

_NAME_BYTES = 4
_NONCE_BYTES = 12


class Unsealable(Exception):
    """A sealed value cannot be opened: its key is not among FIELD_KEYS, or it was altered."""


@lru_cache(maxsize=32)
def _cipher(key: str) -> tuple[bytes, AESGCM]:
    raw = hashlib.sha256(b"menjin field key\0" + key.encode()).digest()
    return hashlib.sha256(b"name\0" + raw).digest()[:_NAME_BYTES], AESGCM(raw)


def seal(plain: bytes, *, purpose: str) -> bytes:
    """Encrypt ``plain`` for ``purpose`` (for example ``"faces.descriptor"``)."""
    name, cipher = _cipher(settings.FIELD_KEYS[0])
    nonce = secrets.token_bytes(_NONCE_BYTES)
    return name + nonce + cipher.encrypt(nonce, plain, purpose.encode())


def unseal(sealed: bytes, *, purpose: str) -> bytes:
    """Decrypt what ``seal`` made for the same purpose.

    Raises:
        Unsealable: unknown key, other purpose, or altered bytes.
    """
    sealed = bytes(sealed)
    name, nonce = sealed[:_NAME_BYTES], sealed[_NAME_BYTES : _NAME_BYTES + _NONCE_BYTES]
    for key in settings.FIELD_KEYS:
        key_name, cipher = _cipher(key)
        if key_name == name:
            try:
                return cipher.decrypt(nonce, sealed[_NAME_BYTES + _NONCE_BYTES :], purpose.encode())
            except (InvalidTag, ValueError):  # ValueError: cut short within the nonce
                raise Unsealable("sealed value was altered or has another purpose") from None
    raise Unsealable("sealed with a key that is not in FIELD_KEYS")


def keyed_digest(value: str, *, purpose: str, key: str | None = None) -> str:
    """Return a digest by which a secret can be found again without being stored (64 hex digits)."""
    raw = hashlib.sha256(b"menjin digest key\0" + (key or settings.FIELD_KEYS[0]).encode())
    return hmac.new(raw.digest(), f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()


def keyed_digests(value: str, *, purpose: str) -> list[str]:
    """Return the digests under every known key, newest first, for look-ups during a rotation."""
    return [keyed_digest(value, purpose=purpose, key=key) for key in settings.FIELD_KEYS]


class SealedTextField(models.TextField):  # type: ignore[type-arg]
    """Text that is encrypted in the database and plain in Python; it cannot be searched."""

    def __init__(self, *args: object, purpose: str = "", **kwargs: object) -> None:
        self.purpose = purpose
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]

    def deconstruct(self) -> tuple[str, str, list[object], dict[str, object]]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, list(args), {**kwargs, "purpose": self.purpose}

    def get_prep_value(self, value: str | None) -> str | None:
        if not value:
            return value
        return base64.urlsafe_b64encode(seal(value.encode(), purpose=self.purpose)).decode()

    def from_db_value(self, value: str | None, *_: object) -> str | None:
        if not value:
            return value
        return unseal(base64.urlsafe_b64decode(value), purpose=self.purpose).decode()
