"""Addresses under which terminals fetch pictures: short, signed, expiring (seed 9.1).

A terminal takes at most 128 characters, plain HTTP, ending in .jpg. The path is
``/i/<43 characters>.jpg``: photo, terminal, the token of the address under which it was sent,
expiry, and 128 bits of a keyed digest over them, so an address cannot be guessed or changed to
another person. It ends with its time and with the right to see the picture, whichever comes
first: each time it is used, one statement asks whether this terminal may hold that person now.
"""

import base64
import binascii
import hashlib
import hmac
import logging
import socket
import struct
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import validate_host
from django.utils import timezone

from devices.services import is_address_allowed
from faces.queries import photo_fetched_note, photo_to_be_seen
from server_common.process_state import forgets
from terminal_protocol import URL_MAX

_PREFIX = "/i/"
# Photo, terminal and token, then the expiry in hours; the top 3 bytes of the photo and the top one
# of the hours are cut.
_IDS = ">QII"
_PAYLOAD_BYTES = 16
_MAC_BYTES = 16
_PATH_CHARACTERS = len(_PREFIX) + 43 + len(".jpg")
# What is left of the 128 characters for scheme, host and port.
PICTURE_ROOT_MAX = URL_MAX - _PATH_CHARACTERS

logger = logging.getLogger(__name__)


class BadPictureAddress(Exception):
    """The address was not made here, was altered, or has expired."""


@dataclass(frozen=True, slots=True)
class PictureGrant:
    """One terminal may fetch one photo while it may hold it and its address is good.

    Attributes:
        token_id: of the address under which it was sent; 0 for the bare path.
    """

    photo_id: int
    terminal_id: int
    token_id: int


@dataclass(frozen=True, slots=True)
class PictureAddresses:
    """Addresses of pictures for one answer to a terminal.

    Attributes:
        root: scheme and host; "" when pictures cannot be addressed.
        terminal_id: which the answer is for.
        token_id: of the address that it called, 0 for the bare path.
    """

    root: str
    terminal_id: int
    token_id: int

    def of(self, photo_id: int | None) -> str:
        """Return the address of a photo; "" when there is none."""
        if photo_id is None or not self.root:
            return ""
        return f"{self.root}{picture_path(photo_id, self.terminal_id, self.token_id)}"


def picture_path(photo_id: int, terminal_id: int, token_id: int) -> str:
    """Return the path of a photo for one terminal, valid for ``PICTURE_URL_SECONDS`` at most.

    The expiry is rounded up to the hour, so that the same photo keeps its address for a while and
    a terminal or proxy may cache it.
    """
    ends = int(timezone.now().timestamp()) + settings.PICTURE_URL_SECONDS
    hours = -(-ends // 3600)
    payload = struct.pack(_IDS, photo_id, terminal_id, token_id)[3:] + hours.to_bytes(3)
    mac = _mac(payload, settings.FIELD_KEYS[0])
    return f"{_PREFIX}{base64.urlsafe_b64encode(payload + mac).decode().rstrip('=')}.jpg"


def picture_root(host: str) -> str:
    """Return scheme and host with which pictures can be addressed; "" when there is none.

    In this order, the first that is plain HTTP and short enough: ``MENJIN_PICTURE_URL``,
    ``PUBLIC_URL``, the host the terminal itself called, and the number behind that host's name.
    When it called none that can be used, the first name of ``ALLOWED_HOSTS``.

    Args:
        host: of the terminal's request, with its port; empty when it cannot be used.
    """
    names = [host] if host else [one for one in settings.ALLOWED_HOSTS if one[:1] not in {"*", "."}]
    roots = (settings.PICTURE_URL, settings.PUBLIC_URL, *(f"http://{name}" for name in names))
    for root in roots:
        if picture_root_fits(root):
            return str(root)
    return _numeric_root(host)


def picture_root_fits(root: str) -> bool:
    """Tell whether terminals can be sent pictures below this root (field notes, "Addresses")."""
    return root.startswith("http://") and len(root) <= PICTURE_ROOT_MAX


@lru_cache(maxsize=64)
def _numeric_root(host: str) -> str:
    """Return the root by number instead of a name that is too long."""
    parts = urlsplit(f"//{host}")
    number = _number_of(parts.hostname) if parts.hostname else ""
    if number and validate_host(number, settings.ALLOWED_HOSTS):
        return f"http://{number}:{parts.port}" if parts.port else f"http://{number}"
    event = "picture_address_too_long" if host else "picture_address_unknown"
    logger.error("%s host_characters=%s: set MENJIN_PICTURE_URL", event, len(host))
    return ""


forgets(_numeric_root.cache_clear)


def _number_of(name: str) -> str:
    """Return the address behind a host's name; "" when it is unknown."""
    try:
        found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ""
    return str(found[0][4][0])


def picture_grant(name: str) -> PictureGrant:
    """Read the last segment of a picture's path (without ``.jpg``).

    Raises:
        BadPictureAddress: not made with a known key, altered, or expired.
    """
    try:
        raw = base64.urlsafe_b64decode(name + "=" * (-len(name) % 4))
        payload, mac = raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]
        if len(payload) != _PAYLOAD_BYTES:
            raise ValueError
        photo_id, terminal_id, token_id = struct.unpack(_IDS, b"\0\0\0" + payload[:-3])
    except (ValueError, binascii.Error, struct.error):
        raise BadPictureAddress("not a picture address") from None
    if not any(hmac.compare_digest(mac, _mac(payload, key)) for key in settings.FIELD_KEYS):
        raise BadPictureAddress("not signed here")
    if int.from_bytes(payload[-3:]) * 3600 < timezone.now().timestamp():
        raise BadPictureAddress("expired")
    return PictureGrant(photo_id=photo_id, terminal_id=terminal_id, token_id=token_id)


def _mac(payload: bytes, key: str) -> bytes:
    secret = hashlib.sha256(b"menjin picture address\0" + key.encode()).digest()
    return hmac.new(secret, payload, hashlib.sha256).digest()[:_MAC_BYTES]


@dataclass(frozen=True, slots=True)
class FetchedPhoto:
    """A stored photo: its file's name in the storage, and the SHA-256 of its content in hex."""

    photo_id: int
    sha256: str
    name: str


def photo_fetched(grant: PictureGrant, *, address: str) -> FetchedPhoto | None:
    """Return the photo that is granted and note that the terminal fetched it.

    Args:
        grant: what the address said.
        address: of the caller, as ``client_address`` gives it.

    Returns:
        None when the photo is gone, the terminal may not hold its person now, the address under
        which it was sent is no longer the terminal's, or the site is not called from there.
    """
    now = timezone.now()
    found = photo_to_be_seen(
        photo_id=grant.photo_id,
        terminal_id=grant.terminal_id,
        token_id=grant.token_id,
        now=now,
    )
    if found is None:
        return None
    sha256, name, person_id, networks = found
    if not is_address_allowed(networks, address):
        return None
    photo_fetched_note(terminal_id=grant.terminal_id, person_id=person_id, now=now)
    return FetchedPhoto(grant.photo_id, sha256, str(name))
