"""Redaction of log messages: secrets that got into one are masked before it is written.

Code does not log secrets or faces in the first place; tests check the enrolment and pass flows.
This filter exists for texts we do not write ourselves, such as a library's exception or a
framework's "Not Found: /t/<token>/…".
"""

import logging
import re

_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # Base64 of a picture or a descriptor: no sensible log line has a word this long. First of all,
    # because base64 may hold "/i/" or "/t/", and what the rules for those leave may be shorter.
    (re.compile(r"[A-Za-z0-9+/_\-]{120,}={0,2}"), "***"),
    # The secret segment of a site's BaseUrl.
    (re.compile(r"(?i)(/t/+)[A-Za-z0-9_\-%]{6,}"), r"\1***"),
    # The same segment where an installer left out or misspelt what belongs before it.
    (re.compile(r"(?<=/)[A-Za-z0-9_\-%]{22,}(?=[/\s?#\"']|$)"), "***"),
    # The same where no slash stands before it, with its site's tag and without; and in words of
    # Django on a host that is none of ours, whatever it looks like.
    (
        re.compile(
            r"(?<![A-Za-z0-9_\-])(?:[a-z0-9]{4,8}-)?(?=[a-z0-9_\-]*[A-Z])(?=[A-Z0-9_\-]*[a-z])"
            r"(?=[A-Za-z_\-]*[0-9])[A-Za-z0-9_\-]{22}(?![A-Za-z0-9_\-])"
        ),
        "***",
    ),
    (
        re.compile(
            r"(?i)(http_host header: |you may need to add )"
            r"(['\"])[^'\"]*[a-z0-9_\-%]{20}[^'\"]*\2"
        ),
        r"\1\2***\2",
    ),
    # Signed picture addresses.
    (re.compile(r"(/i/+)[A-Za-z0-9_\-]{20,}"), r"\1***"),
    (
        re.compile(
            r"(?i)\b(authorization[\"']?\s*[:=]\s*[\"']?(?:(?:token|bearer|basic)\s+)?)"
            r"[^\s\"',;}]+"
        ),
        r"\1***",
    ),
    (
        re.compile(
            r"(?i)([\"']?\b(?:password|passwd|secret|token|sign|api_key|field_key)\b[\"']?"
            r"\s*[:=]\s*)(?:\"[^\"]*\"|'[^']*'|[^\s,;&}]+)"
        ),
        r"\1***",
    ),
    # user:password@ of a database or camera address.
    (re.compile(r"(\b[a-z][a-z0-9+.\-]*://)[^\s/@:]+:[^\s/@]+@"), r"\1***@"),
    # Resident identity numbers: 17 digits and a digit or X; the older 15 digits.
    (re.compile(r"(?<!\d)\d{17}[\dXx](?!\d)"), "***"),
)


def redact(text: str) -> str:
    """Return ``text`` with secrets, identity numbers and long base64 runs masked."""
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


class RedactionFilter(logging.Filter):
    """Mask the finished message, and the text of an exception that goes with it."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(self._formatter.formatException(record.exc_info))
        return True
