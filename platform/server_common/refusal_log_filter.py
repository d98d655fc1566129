"""Log filter that writes a refusal by Django as one line of a caller's fault, without values.

Django logs an unknown filter, an unknown host or a form of another site as an error of the server,
with a traceback and with what was sent. Any caller can cause such lines.
"""

import logging
from http import HTTPStatus

_SECURITY = "django.security."
_PATH_MAX = 200


class RefusalFilter(logging.Filter):
    """Shorten the records of refused requests; all others pass as they are."""

    def filter(self, record: logging.LogRecord) -> bool:
        status = getattr(record, "status_code", 0)
        is_security = record.name.startswith(_SECURITY)
        if not is_security and not (record.name == "django.request" and _is_refusal(status)):
            return True
        record.exc_info = record.exc_text = None
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        if is_security:
            record.msg = "request_refused kind=%s path=%s status=%s"
            record.args = (record.name.removeprefix(_SECURITY), _path(record), status or "-")
        return record.levelno >= logging.getLogger().level


def _is_refusal(status: int) -> bool:
    return HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR


def _path(record: logging.LogRecord) -> str:
    """Return the path of the request in question in one line, without what was asked there."""
    path = str(getattr(getattr(record, "request", None), "path", "-"))
    return path[:_PATH_MAX].encode("unicode_escape").decode("ascii")
