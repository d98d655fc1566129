"""Build a ``TerminalRequest`` from the variables of a request (WSGI, ``META``)."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.utils import timezone

from server_common.addresses import called_host, caller_address, peer_address
from terminal_api.body_buffer import MAY_BE_CUT, RECEIVING_S
from terminal_protocol import TerminalRequest

_HEADERS = {
    "CONTENT_TYPE": "content-type",
    "CONTENT_LENGTH": "content-length",
    "HTTP_CONTENT_ENCODING": "content-encoding",
    "HTTP_TRANSFER_ENCODING": "transfer-encoding",
    "HTTP_IF_NONE_MATCH": "if-none-match",
    "HTTP_HOST": "host",
    "HTTP_ORIGIN": "origin",
    "HTTP_SEC_FETCH_SITE": "sec-fetch-site",
}
_SECONDS = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?", re.ASCII)
# How long nginx took to receive the request before it passed it on; no more than this is believed.
_RECEIVING_MAX_S = 600.0


def request_of(
    environ: Mapping[str, Any], *, path: str, read_body: Callable[[], bytes], receiving_s: float
) -> TerminalRequest:
    """Return the request that these variables describe.

    Args:
        environ: of WSGI, or ``META``.
        path: as it is meant.
        read_body: see ``TerminalRequest``.
        receiving_s: how long this server read the body; a terminal gains nothing by saying
            otherwise.
    """
    headers = {name: str(environ[key] or "") for key, name in _HEADERS.items() if key in environ}
    if not headers.get("host"):
        headers["host"] = str(environ.get("SERVER_NAME") or "")
    said = environ.get("HTTP_X_RECEIVING_S")
    if said and _SECONDS.fullmatch(said):
        receiving_s += float(said)
    return TerminalRequest(
        method=environ["REQUEST_METHOD"].upper(),
        path=path,
        query=_query_of(str(environ.get("QUERY_STRING") or "")),
        headers=headers,
        address=caller_address(environ),
        look_up_peer=partial(peer_address, environ),
        look_up_host=partial(called_host, environ),
        began=_began(receiving_s),
        read_body=read_body,
        may_be_cut=bool(environ.get(MAY_BE_CUT)),
    )


def _began(receiving_s: float) -> datetime:
    now = timezone.now()
    return now - timedelta(seconds=min(receiving_s, _RECEIVING_MAX_S)) if receiving_s else now


def receiving_s_of(facts: Mapping[str, Any]) -> float:
    """Return how long a server read the body, as ``body_buffer`` noted it."""
    return float(facts.get(RECEIVING_S, 0.0))


def _query_of(raw: str) -> str:
    """Return a query in characters; WSGI hands on each byte as one."""
    if raw.isascii():
        return raw
    try:
        return raw.encode("latin-1").decode()
    except UnicodeError:
        return raw
