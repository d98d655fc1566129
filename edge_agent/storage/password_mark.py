"""Salted digests that distinguish passwords without storing them."""

import secrets
import zlib
from dataclasses import dataclass, field
from hashlib import scrypt
from hmac import compare_digest
from typing import Final, Self

_PART_BYTES: Final = 8
_CHECK_BYTES: Final = 4


@dataclass(frozen=True, slots=True)
class PasswordMark:
    """Salt and digest of a password, slow to guess and protected against damage."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)

    @classmethod
    def of(cls, password: str) -> Self:
        """Make the mark of a password."""
        salt = secrets.token_bytes(_PART_BYTES)
        return cls(salt, _digest(password, salt))

    @classmethod
    def read(cls, number: int) -> Self | None:
        """Parse what `number` returned; None when damaged."""
        whole = 2 * _PART_BYTES + _CHECK_BYTES
        if not 0 <= number < 1 << 8 * whole:
            return None
        raw = number.to_bytes(whole, "big")
        kept, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
        if check != _check(kept):
            return None
        return cls(kept[:_PART_BYTES], kept[_PART_BYTES:])

    def number(self) -> int:
        """Return the mark as a number, as facts store it."""
        kept = self.salt + self.digest
        return int.from_bytes(kept + _check(kept), "big")

    def fits(self, password: str) -> bool:
        """Return whether the mark was made of this password."""
        return compare_digest(self.digest, _digest(password, self.salt))


def _digest(password: str, salt: bytes) -> bytes:
    raw = password.encode("utf-8", "surrogatepass")
    return scrypt(raw, salt=salt, n=2**14, r=8, p=1, dklen=_PART_BYTES)


def _check(kept: bytes) -> bytes:
    return zlib.crc32(kept).to_bytes(_CHECK_BYTES, "big")
