"""Typed readers of environment variables; a malformed value stops the process by name."""

import json
import os
import re
import secrets
from collections.abc import Mapping
from ipaddress import ip_network
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
# 32 bytes as text, and how many different characters chance leaves such a text at least.
_HEX = re.compile(r"[0-9a-fA-F]+")
_HEX_MIN, _BASE64_MIN, _DISTINCT_MIN = 64, 43, 8


def text(name: str, default: str | None = None, *, env: Mapping[str, str] = os.environ) -> str:
    """Return the variable; without a default it is required.

    Raises:
        ImproperlyConfigured: the variable is missing and there is no default.
    """
    value = env.get(name, "").strip()
    if value:
        return value
    if default is None:
        raise ImproperlyConfigured(f"environment variable {name} is required")
    return default


def flag(name: str, *, default: bool, env: Mapping[str, str] = os.environ) -> bool:
    """Return the variable as a switch (1/0, true/false, yes/no, on/off)."""
    raw = env.get(name)
    if raw is None:
        return default
    if raw.strip().lower() in _TRUE:
        return True
    if raw.strip().lower() in _FALSE:
        return False
    raise ImproperlyConfigured(f"environment variable {name} must be 1 or 0")


def integer(
    name: str, default: int, *, minimum: int = 0, env: Mapping[str, str] = os.environ
) -> int:
    """Return the variable as a whole number of at least ``minimum``."""
    raw = env.get(name, "").strip()
    if not raw:
        return default
    try:
        value = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"environment variable {name} must be a whole number") from None
    if value < minimum:
        raise ImproperlyConfigured(f"environment variable {name} must be at least {minimum}")
    return value


def words(name: str, default: str = "", *, env: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variable as a list, separated by commas."""
    return [part.strip() for part in env.get(name, default).split(",") if part.strip()]


def networks(name: str, *, env: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variable as a list of addresses or CIDR networks, separated by commas."""
    found = words(name, env=env)
    for network in found:
        try:
            ip_network(network, strict=False)
        except ValueError:
            raise ImproperlyConfigured(
                f"environment variable {name} must be networks such as 10.0.0.0/8"
            ) from None
    return found


def keys(name: str, *, env: Mapping[str, str] = os.environ) -> list[str]:
    """Return the variable as secrets, newest first, separated by commas.

    The newest, which is the one in use, must have 32 random bytes. Older ones only open what they
    once sealed, and may be what they are.

    Raises:
        ImproperlyConfigured: the newest is too short or too regular to be random.
    """
    found = words(name, env=env)
    if found and not _is_random(found[0]):
        raise ImproperlyConfigured(
            f"environment variable {name} must begin with 32 random bytes at least: 43 characters,"
            " or 64 hexadecimal digits, such as those of secrets.token_urlsafe(48)"
        )
    return found


def _is_random(key: str) -> bool:
    """Tell whether a key can have 32 random bytes; 4 bits in a hexadecimal digit, 6 in others."""
    least = _HEX_MIN if _HEX.fullmatch(key) else _BASE64_MIN
    return len(key) >= least and len(set(key)) >= _DISTINCT_MIN


def local_secret(var: Path, name: str) -> str:
    """Return a secret of the embedded installation, made at first use.

    Kept in ``var/secrets.json``, readable by its owner only. Production reads its secrets from
    the environment instead.
    """
    path = var / "secrets.json"
    known: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    if name not in known:
        known[name] = secrets.token_urlsafe(48)
        var.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{secrets.token_hex(4)}")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(known, indent=1))
        draft.replace(path)
        known = json.loads(path.read_text())
    return known[name]
