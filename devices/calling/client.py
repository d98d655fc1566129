"""One terminal's own interface (seed chapters 4 to 8), as the platform calls it.

    async with TerminalClient(target) as client:
        await client.call("open", parameters={"remark": "post"}, deadline=deadline)

Every call ends in one of three ways: the terminal's answer, an error that says nothing happened,
or ``OutcomeUnknown``. What changes something is repeated only when it is certain that nothing
happened, or when doing it twice is the same as once (``Repeat``).
"""

import asyncio
import json
import logging
import random
import socket
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Self

import httpx

from devices.calling.addresses import TerminalAddress, look_up
from devices.calling.clock import (
    SAME_CLOCK_MS,
    STAMP_LATE_MS,
    SYNC_LATE_MS,
    OwnStamps,
    TerminalClock,
)
from devices.calling.errors import (
    CallError,
    CallRefused,
    NotCallable,
    NotDelivered,
    OutcomeUnknown,
    TooLate,
)
from terminal_protocol import RetCode, UnreadableBody, read_answer
from terminal_protocol.device_calls import (
    CALLS,
    CONTENT_FIELD,
    CallAnswer,
    ContentForm,
    DeviceCall,
    signed_query,
)

logger = logging.getLogger(__name__)

# A terminal is a small computer on a local network: what takes longer than this is not there.
CONNECT_S = 3.0
ANSWER_S = 8.0
# A page of ten people or records with pictures of 700 K each in base64 (seed 8.2.5, 9.2).
ANSWER_MAX_BYTES = 16 * 1024 * 1024
_TRIES = 3
_FIRST_PAUSE_S = 0.25
# What is no segment of a path but a way around in it.
_NO_SEGMENT = {"", ".", ".."}
# A call that is given up must not arrive later: closed in this way, the system forgets what it has
# not got through yet and says so, instead of sending it again once the network is back.
_ABORT_ON_CLOSE = (socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
# Chapter 7 ends here; another number tells nothing about what happened.
_CODE_MOST = 99_999
# Codes of a terminal that found no object in the content, and of one that may have misread it.
_NOTHING_FOUND = {int(RetCode.MISSING_PARAM)}
_NOT_UNDERSTOOD = _NOTHING_FOUND | {int(RetCode.PARAM_INVALID)}


class Repeat(Enum):
    """When a call may be sent again."""

    IF_NOT_DELIVERED = "if_not_delivered"  # open, reboot: once sent, never again
    ALWAYS = "always"  # reading, and what is the same done twice


@dataclass(frozen=True, slots=True)
class CallTarget:
    """The terminal to call.

    Attributes:
        address: where.
        password: of the terminal (seed 3); empty is not callable.
        networks: see ``is_callable_address``.
        closed: see ``look_up``.
        clock_offset_ms: the terminal's clock minus ours as last known, 0 when unknown.
        sets_clock_ahead: whether a clock that is ahead is set right before anything is signed by
            it: a terminal takes no syncTime that is older than a call it accepted, so that a call
            signed ahead would keep the right time out.
        reserve: gives a timestamp that was never used for this terminal, from the one wanted and
            by how many milliseconds it may be later; None for one with no other caller.
    """

    address: TerminalAddress
    password: str = field(repr=False)
    networks: tuple[str, ...] = ()
    closed: tuple[TerminalAddress, ...] = ()
    clock_offset_ms: int = 0
    sets_clock_ahead: bool = False
    reserve: Callable[[int, int], Awaitable[int]] | None = field(
        default=None, compare=False, repr=False
    )


@dataclass(slots=True)
class _Sent:
    """Whether a byte of the request may have left."""

    has_begun: bool = False


class TerminalClient:
    """Calls one terminal; connections are kept while it is open."""

    def __init__(
        self,
        target: CallTarget,
        *,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        connect_s: float = CONNECT_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self.clock = TerminalClock(offset_ms=target.clock_offset_ms)
        self.has_answered = False
        self._target = target
        self._now_ms = now_ms
        self._answer_s = answer_s
        self._number = ""
        self._reserve = target.reserve or OwnStamps()
        self._may_set_clock = target.sets_clock_ahead
        transport = httpx.AsyncHTTPTransport(
            trust_env=False,
            limits=httpx.Limits(max_connections=2),
            socket_options=[_ABORT_ON_CLOSE],
        )
        self._http = httpx.AsyncClient(
            transport=transport,
            follow_redirects=False,
            trust_env=False,
            timeout=httpx.Timeout(answer_s, connect=connect_s),
            headers={"User-Agent": "menjin", "Accept-Encoding": "identity"},
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def call(
        self,
        name: str,
        *,
        user_id: str = "",
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        form: ContentForm | None = None,
        repeat: Repeat | None = None,
        deadline: float | None = None,
        adopt: bool = True,
    ) -> CallAnswer:
        """Make one call of chapter 8.

        Args:
            name: of ``CALLS``.
            user_id: where the address names a person.
            parameters: for the address.
            body: object for the content, already in the wire's form.
            form: how to write it; by default as the seed does, then otherwise.
            repeat: by default only what changes nothing is repeated once it was sent.
            deadline: ``time.monotonic()`` after which nothing may be sent any more.
            adopt: whether to sign by the terminal's clock when it refuses ours.

        Raises:
            NotCallable, NotDelivered, TooLate, CallRefused, OutcomeUnknown: see ``errors``.
        """
        asked = CALLS[name]
        if "{userId}" in asked.path and user_id in _NO_SEGMENT:
            raise NotCallable("bad_user_id")
        repeat = repeat or (Repeat.IF_NOT_DELIVERED if asked.is_change else Repeat.ALWAYS)
        forms = (form,) if form else asked.content_forms if body is not None else ()
        request = _Request(asked, asked.address(user_id), parameters, body, deadline, repeat, forms)
        pause_s = _FIRST_PAUSE_S
        for rest in reversed(range(_TRIES)):
            try:
                return await self._by_its_clock(request, adopt=adopt)
            except (TooLate, NotCallable, CallRefused):
                raise
            except NotDelivered:
                if not rest:
                    raise
            except OutcomeUnknown:
                if not rest or repeat is not Repeat.ALWAYS:
                    raise
            # Apart, so that a terminal that has just come back is not called by all at once.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            pause_s *= 3
        raise RuntimeError("the last try returns or raises")

    async def _by_its_clock(self, request: "_Request", *, adopt: bool) -> CallAnswer:
        """Call; when the terminal finds the moment wrong, once more by the terminal's own clock.

        A call refused for its moment was not carried out, so this is safe for every call.
        """
        if adopt and self._is_to_be_set(self.clock.offset_ms):
            await self._set_right(request.deadline)
        try:
            return await self._in_its_form(request)
        except CallRefused as refusal:
            if not adopt or not refusal.is_about_time:
                raise
            is_ahead = self._is_to_be_set(self.clock.measured_ms or 0)
            is_right = is_ahead and await self._set_right(request.deadline)
            if not is_right and not self.clock.adopt():
                raise
            logger.info("terminal_clock_differs offset_ms=%d", self.clock.offset_ms)
        return await self._in_its_form(request)

    def _is_to_be_set(self, ahead_ms: int) -> bool:
        return self._may_set_clock and ahead_ms > SAME_CLOCK_MS

    async def _set_right(self, deadline: float | None) -> bool:
        """Set the terminal's clock to ours; False when it refuses, and is not asked again.

        Raises:
            NotDelivered: whether it is set is unknown; what was to be called has not happened.
        """
        offset_ms, self.clock.offset_ms = self.clock.offset_ms, 0
        asked = CALLS["syncTime"]
        try:
            await self._once(_Request(asked, asked.address(), None, None, deadline, Repeat.ALWAYS))
        except CallRefused:
            self._may_set_clock = False
            self.clock.offset_ms = offset_ms
            return False
        except OutcomeUnknown as error:
            raise NotDelivered(error.word) from error
        return True

    async def _in_its_form(self, request: "_Request") -> CallAnswer:
        """Call; what the seed sends by form-data in other forms too, while none is understood.

        Only a refusal that says so leads on. What may not be done twice is written in another form
        only for a terminal that found nothing: one that finds a value wrong may have done a part,
        and an answer with a result of its own comes from a terminal that did find the object.
        """
        codes = _NOT_UNDERSTOOD if request.repeat is Repeat.ALWAYS else _NOTHING_FOUND
        for form in request.forms[:-1]:
            try:
                return await self._once(replace(request, forms=(form,)))
            except CallRefused as refusal:
                has_result = refusal.answer is not None and bool(refusal.answer.value)
                if has_result or refusal.code not in codes:
                    raise
        return await self._once(replace(request, forms=request.forms[-1:]))

    async def _once(self, request: "_Request") -> CallAnswer:
        try:
            return await self._send(request)
        except CallRefused as refusal:
            if not refusal.is_used_stamp:
                raise
        # Another caller signed in the same millisecond; the terminal did nothing.
        return await self._send(request)

    async def _send(self, request: "_Request") -> CallAnswer:
        sent = _Sent()

        async def watch(event: str, _info: Mapping[str, Any]) -> None:
            # The last moment at which nothing has left yet: the connection stands, and what
            # comes next is the first byte of the request.
            if event.endswith("send_request_headers.started"):
                request.check_time()
                sent.has_begun = True

        try:
            async with asyncio.timeout(self._answer_s * 2):
                request.check_time()
                if not self._number:
                    self._number = await look_up(
                        self._target.address,
                        networks=self._target.networks,
                        closed=self._target.closed,
                    )
                return await self._exchange(request, watch)
        except CallError:
            raise
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError, OSError) as error:
            word = _word(error)
            if sent.has_begun:
                raise OutcomeUnknown(word) from error
            raise NotDelivered(word) from error

    async def _exchange(self, request: "_Request", watch: Any) -> CallAnswer:
        address, asked = self._target.address, request.asked
        late_ms = SYNC_LATE_MS if asked.name == "syncTime" else STAMP_LATE_MS
        query = signed_query(
            self._target.password,
            timestamp_ms=await self._reserve(self.clock.stamp(self._now_ms()), late_ms),
            parameters=request.parameters,
        )
        prepared = self._http.build_request(
            str(asked.method),
            httpx.URL(
                scheme="http",
                host=self._number,
                port=address.port,
                path=request.path,
                params=query,
            ),
            headers={"Host": str(address)},
            extensions={"trace": watch},
            **request.content(),
        )
        response = await self._http.send(prepared, stream=True)
        try:
            self.clock.heard(response.headers.get("Date"), now_ms=self._now_ms())
            payload = await _read(response)
        finally:
            await response.aclose()
        answer = CallAnswer.from_wire(payload)
        if not 0 < answer.code <= _CODE_MOST:
            raise OutcomeUnknown("bad_answer")
        self.has_answered = True
        if not answer.is_ok:
            raise CallRefused(answer.code, answer)
        return answer


@dataclass(frozen=True, slots=True)
class _Request:
    """One call, before it is signed."""

    asked: DeviceCall
    path: str
    parameters: Mapping[str, Any] | None
    body: Mapping[str, Any] | None = field(repr=False)
    deadline: float | None
    repeat: Repeat
    forms: tuple[ContentForm, ...] = ()

    def content(self) -> dict[str, Any]:
        """Return what the HTTP library makes the content of, in the first of the forms."""
        if self.body is None:
            return {}
        if self.forms[0] is ContentForm.JSON:
            return {"json": self.body}
        fields = {name: str(value) for name, value in self.body.items()}
        if self.forms[0] is ContentForm.FIELD:
            text = json.dumps(self.body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            fields = {CONTENT_FIELD: text}
        return {"files": {name: (None, text) for name, text in fields.items()}}

    def check_time(self) -> None:
        if self.deadline is not None and time.monotonic() >= self.deadline:
            raise TooLate


async def _read(response: httpx.Response) -> Any:
    """Return the JSON of an answer, of bounded size and read tolerantly; anything else is None."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise OutcomeUnknown("bad_answer")
    content = bytearray()
    async for chunk in response.aiter_raw():
        content += chunk
        if len(content) > ANSWER_MAX_BYTES:
            raise OutcomeUnknown("answer_too_large")
    try:
        return read_answer(bytes(content))[0]
    except UnreadableBody:
        return None


def _word(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "connect_timeout"
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return "answer_timeout"
    if isinstance(error, httpx.ConnectError):
        return "connect_failed"
    return "connection_lost"
