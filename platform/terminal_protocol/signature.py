"""Signatures of the device OpenAPI: ``sign = md5(timestamp#password)`` (seed 4.1, 4.2)."""

import hashlib
import hmac

# "If the difference is greater than five minutes, fail" (4.2).
WINDOW_MS = 5 * 60 * 1000


def sign(timestamp_ms: int | str, password: str) -> str:
    """Return the signature, 32 lower-case hex digits.

    Args:
        timestamp_ms: Unix milliseconds, exactly as sent.
        password: the terminal's login password.
    """
    # MD5 is what the protocol prescribes; it protects nothing beyond that.
    text = f"{timestamp_ms}#{password}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def is_signed(timestamp_ms: str, signature: str, password: str, *, any_case: bool = False) -> bool:
    """Verify a signature in constant time; upper-case digits only with ``any_case``."""
    expected, signature = sign(timestamp_ms, password).encode(), signature.strip()
    if any_case:
        signature = signature.lower()
    return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))


def is_fresh(timestamp_ms: int, now_ms: int) -> bool:
    """Return whether a timestamp lies within five minutes of now, inclusive."""
    return abs(now_ms - timestamp_ms) <= WINDOW_MS
