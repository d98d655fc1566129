"""Reading of a call from an HTTP request."""

import asyncio
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

from aiohttp import web

from edge_agent.api.answers import CallRefused
from terminal_protocol.body import read_body
from terminal_protocol.codes import RetCode
from terminal_protocol.device_calls import DeviceCall
from terminal_protocol.device_fields import FieldsReading, read_fields
from terminal_protocol.device_objects import WireObject
from terminal_protocol.exceptions import UnreadableBody

# A photo of 4 MB in base64, or a hundred usual ones.
BODY_MAX: Final = 8 * 1024 * 1024
# Of a caller that has not shown a signature in the address yet.
UNSIGNED_BODY_MAX: Final = 64 * 1024
_BODY_TIMEOUT_S: Final = 15.0
_SLASHES: Final = re.compile(r"//+")
BATCH_MAX: Final = 100


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A call with all its parameters, admitted and signed.

    Attributes:
        timestamp_ms: what it was signed with.
        user_id: from the path, empty where there is none; see `person`.
        parameters: of the address, then of the body.
        body: the object sent as content; {} when there was none.
        batch: objects, when a list of several was sent; empty otherwise.
        remote: address of the caller.
        has_caller: whether the caller still waits for the answer.
    """

    call: DeviceCall
    timestamp_ms: int
    user_id: str = field(default="", repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    batch: tuple[Any, ...] = field(default=(), repr=False)
    remote: str = ""
    has_caller: Callable[[], bool] = field(default=lambda: True, repr=False)

    def person(self) -> str:
        """Return the id of the person that the call is about, from the path or from ``id``.

        Raises:
            CallRefused: there is none (30003), or the two differ (20002).
        """
        named = self.values().get("id", "")
        if not self.user_id and not named:
            raise CallRefused(RetCode.MISSING_PARAM, "id: missing")
        if self.user_id and named and named != self.user_id:
            raise CallRefused(RetCode.USER_NOT_MATCH, "id: not the one of the address")
        return self.user_id or str(named)

    def values(self) -> dict[str, Any]:
        """Return the call's own parameters.

        Raises:
            CallRefused: one of them is wrong (30001).
        """
        return checked(read_fields(self.call.parameters, self.parameters))

    def sent_object(self, table: WireObject) -> dict[str, Any]:
        """Return the object sent as content.

        Raises:
            CallRefused: nothing was sent or something is missing (30003), or wrong (30001).
        """
        if not self.body:
            raise CallRefused(RetCode.MISSING_PARAM, f"{table.name}: missing")
        return checked(table.read(self.body))


def checked(reading: FieldsReading) -> dict[str, Any]:
    """Return the values when nothing is wrong.

    Raises:
        CallRefused: 30003 when something is missing, otherwise 30001.
    """
    if not reading.problems:
        return reading.values
    codes = {one.code for one in reading.problems}
    is_missing = RetCode.MISSING_PARAM in codes
    code = RetCode.MISSING_PARAM if is_missing else RetCode.PARAM_INVALID
    raise CallRefused(code, "; ".join(one.text for one in reading.problems))


def person_of(request: web.Request) -> str:
    """Return the person's id at the end of an address; characters that are none are replaced."""
    path = _SLASHES.sub("/", request.rel_url.raw_path).rstrip("/")
    return unquote(path.rpartition("/")[2], errors="replace")


async def read_content(request: web.Request, most: int) -> tuple[dict[str, Any], list[Any]]:
    """Read the content of a call in any supported encoding.

    Args:
        request: not read yet.
        most: bytes; a longer content is refused before it is read to its end.

    Returns:
        The object, {} when there is none; and the objects of a list of several.

    Raises:
        CallRefused: it is too long, too slow or no object (30001).
    """
    raw = await _read_limited(request, most)
    try:
        found = read_body(raw, request.headers.get("Content-Type", "")).data
    except UnreadableBody as error:
        raise CallRefused(RetCode.PARAM_INVALID, f"content: {error.code}") from None
    listed = found.get("resultList") if raw.lstrip().startswith(b"[") else None
    if isinstance(listed, list):
        if len(listed) > BATCH_MAX:
            raise CallRefused(RetCode.PARAM_INVALID, f"content: more than {BATCH_MAX} objects")
        return {}, listed
    return found, []


async def _read_limited(request: web.Request, most: int) -> bytes:
    if (request.content_length or 0) > most:
        raise CallRefused(RetCode.PARAM_INVALID, "content: too long")
    parts: list[bytes] = []
    length = 0
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            async for part in request.content.iter_any():
                length += len(part)
                if length > most:
                    raise CallRefused(RetCode.PARAM_INVALID, "content: too long")
                parts.append(part)
    except TimeoutError:
        raise CallRefused(RetCode.PARAM_INVALID, "content: too slow") from None
    except web.RequestPayloadError:
        # Pieces that are none, or what cannot be unpacked (Content-Encoding).
        raise CallRefused(RetCode.PARAM_INVALID, "content: not as it was announced") from None
    return b"".join(parts)
