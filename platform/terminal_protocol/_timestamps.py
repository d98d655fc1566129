"""Timestamps in the notations of terminals: numbers since 1970, dates with or without zone."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

# Years 1970 to 2100: a clock that is wrong still says what it believes.
_MAX_S = 4_102_444_800
# From this number on it counts milliseconds, microseconds, nanoseconds. The ranges of the years
# that are read do not overlap, and a date written as one number lies between two of them.
_UNITS = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_DIGITS = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)T?"
    r"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d)(?P<part>\d{3})?(?P<zone>)"
)
# Year first: in 05/11/2026 the day is ambiguous.
_DATE = re.compile(
    r"(?P<year>\d{4})[-/.年]\s*(?P<month>\d{1,2})[-/.月]\s*(?P<day>\d{1,2})(?:日\s*|\s*T\s*|\s+)"
    r"(?P<hour>\d{1,2})[:时點点]\s*(?P<minute>\d{1,2})"
    r"(?:分|[:分]\s*(?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?秒?)?"
    r"\s*(?P<zone>Z|(?:UTC|GMT)?(?:[-+]\d\d(?::?\d\d)?)|UTC|GMT)?",
    re.IGNORECASE,
)


def timestamp_from_number(number: float, *, zone: tzinfo | None) -> datetime | None:
    """Return the timestamp of a number; None when it is none.

    Args:
        number: since 1970, in seconds or parts of them, or a date as yyyymmddhhmmss.
        zone: of the terminal, for a date.
    """
    for least, divisor in _UNITS:
        if number >= least and number / divisor <= _MAX_S:
            return _since_1970(number / divisor)
    if number <= _MAX_S:
        return _since_1970(number)
    return timestamp_from_text(f"{number:.0f}", zone=zone)


def timestamp_from_text(text: str, *, zone: tzinfo | None) -> datetime | None:
    """Return the timestamp of a date and time; None when the text is none.

    Args:
        text: such as 2017-02-17T09:36:00+08:00, 2017/2/17 9:36 or 2017年2月17日 9时36分.
        zone: of the terminal, where the text names none; None: such a text is no moment.
    """
    try:
        moment = _iso(text) or _dated(text, zone)
    except ValueError:
        return None
    return None if moment is None else _since_1970((moment - _EPOCH).total_seconds())


def _since_1970(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if 0 <= seconds <= _MAX_S else None


def _iso(text: str) -> datetime | None:
    """Parse ISO 8601 with an offset."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is None else moment


def _dated(text: str, zone: tzinfo | None) -> datetime | None:
    found = _DIGITS.fullmatch(text) or _DATE.fullmatch(text)
    if found is None:
        return None
    zone = _offset(found["zone"]) if found["zone"] else zone
    if zone is None:
        return None
    names = ("year", "month", "day", "hour", "minute", "second")
    year, month, day, hour, minute, second = (int(found[name] or 0) for name in names)
    part_us = int((found["part"] or "0").ljust(6, "0")[:6])
    return datetime(year, month, day, hour, minute, second, part_us, tzinfo=zone)


def _offset(said: str) -> tzinfo:
    digits = re.sub(r"[^-+\d]", "", said)
    if not digits:
        return UTC
    offset = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:] or 0))
    return timezone(-offset if digits[0] == "-" else offset)
