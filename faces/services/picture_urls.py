"""Addresses under which terminals fetch pictures: short, signed, expiring (seed 9.1).

A terminal takes at most 128 characters, plain HTTP, ending in .jpg. The path is
``/i/<39 characters>.jpg``: photo, terminal and expiry, and 128 bits of a keyed digest over them,
so an address cannot be guessed, changed to another person, or used after it ended.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass

from django.conf import settings
from django.utils import timezone

_PREFIX = "/i/"
_FORMAT = ">QII"  # photo id, terminal id, expiry in Unix seconds; the photo's top 3 bytes are cut
_MAC_BYTES = 16


class BadPictureAddress(Exception):
    """The address was not made here, was altered, or has expired."""


@dataclass(frozen=True, slots=True)
class PictureGrant:
    """One terminal may fetch one photo."""

    photo_id: int
    terminal_id: int


def picture_path(photo_id: int, terminal_id: int) -> str:
    """Return the path of a photo for one terminal, valid for ``PICTURE_URL_SECONDS``.

    The expiry is rounded up to the hour, so that the same photo keeps its address for a while and
    a terminal or proxy may cache it.
    """
    ends = int(timezone.now().timestamp()) + settings.PICTURE_URL_SECONDS
    ends += -ends % 3600
    payload = struct.pack(_FORMAT, photo_id, terminal_id, ends)[3:]
    mac = _mac(payload, settings.FIELD_KEYS[0])
    return f"{_PREFIX}{base64.urlsafe_b64encode(payload + mac).decode().rstrip('=')}.jpg"


def picture_grant(name: str) -> PictureGrant:
    """Read the last segment of a picture's path (without ``.jpg``).

    Raises:
        BadPictureAddress: not made with a known key, altered, or expired.
    """
    try:
        raw = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))
        payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        photo_id, terminal_id, ends = struct.unpack(_FORMAT, b"\0\0\0" + payload)
    except (ValueError, binascii.Error, struct.error):
        raise BadPictureAddress("not a picture address") from None
    if not any(hmac.compare_digest(mac, _mac(payload, key)) for key in settings.FIELD_KEYS):
        raise BadPictureAddress("not signed here")
    if ends < timezone.now().timestamp():
        raise BadPictureAddress("expired")
    return PictureGrant(photo_id=photo_id, terminal_id=terminal_id)


def _mac(payload: bytes, key: str) -> bytes:
    secret = hashlib.sha256(b"menjin picture address\0" + key.encode()).digest()
    return hmac.new(secret, payload, hashlib.sha256).digest()[:_MAC_BYTES]
