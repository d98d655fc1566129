"""Calls of chapters 4 to 8 of the seed: addresses, methods, parameters, answers, push.

    query = signed_query("123456", timestamp_ms=…, parameters={"remark": "post"})
    url = f"http://{host}:{DEFAULT_HTTP_PORT}{CALLS['open'].address()}"
    answer = CallAnswer.from_wire(response.json())      # answer.is_ok, answer.code, answer.value

The terminal serves what stands here and the platform calls it; neither knows another table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final
from urllib.parse import quote

from .device_fields import FieldKind, WireField
from .device_objects import (
    DEVICE_OBJECT,
    NETWORK_OBJECT,
    PERI_PARA_OBJECT,
    SIGN_OBJECT,
    SMART_FACE_OBJECT,
    USER_OBJECT,
    USER_TYPES,
    WireObject,
)
from .signature import sign
from .values import lookup, read_int, read_text

DEFAULT_HTTP_PORT: Final = 8899  # seed 2
DEFAULT_PUSH_PORT: Final = 9000  # seed 8.3.3
DEFAULT_PASSWORD: Final = "123456"  # noqa: S105 - the seed's factory password (3), no secret
OK: Final = 200
"""``code`` of success; all other codes are those of chapter 7."""

PUSH_PATH: Final = "/api/record"
PUSH_HEARTBEAT_S: Final = 10.0
"""A subscriber sends something this often (8.3.3); what it sends is not said, anything counts."""
PUSH_SILENCE_S: Final = 33.0
"""After so long without anything the connection counts as broken (8.3.3)."""
PUSH_CONNECTED: Final = 20000
PUSH_DENIED: Final = 20002
PUSH_RECORD: Final = 30000

USER_PAGE_MAX: Final = 10  # 8.2.5, also the default
RECORD_PAGE_MAX: Final = 1000  # 8.3.2
RECORD_PAGE_DEFAULT: Final = 20
NOT_SUPPORTED_DESC: Final = "device-not-support"
"""``desc`` that goes with 40001 (8.1.7 and the others)."""
CONTENT_FIELD: Final = "json"
"""Field of a form that holds the object of 8.1.10 to 8.1.17; the seed calls it "json 对象"."""


SIGN_USED_DESC: Final = (
    "sign-used: this timestamp was used before; take a new timestamp and sign for each call"
)
"""``desc`` of 10005 where a call that acts carries a signature that was accepted before."""
OLDER_DESC: Final = "older than"
"""``desc`` of 10003 begins so where a call is older than others that were accepted, which no other
clock cures."""


class CallMethod(StrEnum):
    """How a call is made."""

    GET = "GET"
    POST = "POST"


class ContentForm(StrEnum):
    """Encoding of the object in the content of a call."""

    FIELD = "field"  # form-data with the object as JSON in `CONTENT_FIELD`
    JSON = "json"  # the object as JSON and nothing else
    FIELDS = "fields"  # form-data with a field for each of the object's own


class AnswerShape(StrEnum):
    """Contents of a successful answer beside ``code``, ``message`` and ``desc``."""

    PLAIN = "plain"  # nothing
    OBJECT = "object"  # ``data``: one object
    PAGE = "page"  # ``data``: a page of objects, see `Page`
    JSON = "json"  # ``json``: whatever the command gives


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One address of chapter 8.

    Attributes:
        name: last words of the address; for people and records ``userAdd`` and the like.
        section: where in the seed.
        method: the only one allowed; another one is answered 50004.
        path: ``{userId}`` stands for the quoted id of a person.
        parameters: of the address, `SIGNATURE_PARAMETERS` aside.
        body: the object sent as content, None when nothing is sent.
        is_json: whether the content's type is application/json; otherwise form-data.
        shape: what a successful answer holds.
        result: the object in ``data``, None when there is none.
        is_change: whether it changes something, so that a repetition is to be thought about.
    """

    name: str
    section: str
    method: CallMethod
    path: str
    parameters: tuple[WireField, ...] = ()
    body: WireObject | None = None
    is_json: bool = False
    shape: AnswerShape = AnswerShape.PLAIN
    result: WireObject | None = None
    is_change: bool = False

    def address(self, user_id: str = "") -> str:
        """Return the path with the person's id quoted into it."""
        return self.path.replace("{userId}", quote(user_id, safe=""))

    @property
    def content_forms(self) -> tuple[ContentForm, ...]:
        """Return the encodings of the object: the seed's, then those for terminals that ignore it.

        Fields of their own hold no object within an object, such as commands have.
        """
        if self.is_json:
            return (ContentForm.JSON,)
        nested = (ContentForm.FIELD, ContentForm.JSON)
        return nested if self.body is None else (*nested, ContentForm.FIELDS)


def _device(name: str, section: str, **rest: Any) -> DeviceCall:
    return DeviceCall(name, section, CallMethod.POST, f"/api/device/{name}", **rest)


def _read_object(name: str, section: str, result: WireObject) -> DeviceCall:
    return _device(name, section, shape=AnswerShape.OBJECT, result=result)


def _text(name: str, label: str, most: int | None) -> WireField:
    return WireField(name, FieldKind.TEXT, label, is_required=False, length_max=most)


def _whole(name: str, label: str, **limits: Any) -> WireField:
    return WireField(name, FieldKind.WHOLE, label, is_required=False, **limits)


SIGNATURE_PARAMETERS: Final = (
    WireField("timestamp", FieldKind.TEXT, "now, Unix milliseconds"),
    WireField("sign", FieldKind.TEXT, "md5(timestamp#password), see 4.1"),
)
"""In the address of every call."""

_PAGING: Final = (
    _whole("page", "number of the page, from 1", least=1, most=2**31 - 1),
    _whole("size", "entries a page; more than the most is taken as the most", least=1),
)
_USER_FILTERS: Final = (
    _text("userId", "id, exactly", 40),
    _whole("type", "type; absent for all", choices=USER_TYPES),
    _text("name", "part of the name", 80),
    _text("jobNumber", "number at work, exactly", 40),
    _text("mobile", "mobile phone, exactly", 20),
    _text("mail", "mail address, exactly", 40),
    _text("icNumber", "number of the IC card, exactly", 40),
    _text("idNumber", "number of the identity document, exactly", 40),
    _text("department", "department, exactly", 80),
)
_RECORD_FILTERS: Final = (
    _whole("type", "type; 0, the default, for all", choices=(0, *USER_TYPES)),
    _text("userId", 'id, exactly; "0", the default, for all', 40),
    _whole("startTime", "from, Unix seconds; default: today begins", least=0, most=10**11 - 1),
    _whole("endTime", "to, Unix seconds; default: today ends", least=0, most=10**11 - 1),
    _text("username", "part of the name; default: all", 80),
)

_ALL: Final = (
    _device(
        "open",
        "8.1.7",
        parameters=(_text("remark", "why the door is opened", 255),),
        is_change=True,
    ),
    _device("syncTime", "8.1.8", is_change=True),
    _device("reboot", "8.1.9", is_change=True),
    _device("jsonCmd", "8.1.10", shape=AnswerShape.JSON, is_change=True),
    _read_object("information", "8.1.11", DEVICE_OBJECT),
    _read_object("network", "8.1.12", NETWORK_OBJECT),
    _device("networkcfg", "8.1.13", body=NETWORK_OBJECT, is_change=True),
    _read_object("smartface", "8.1.14", SMART_FACE_OBJECT),
    _device("smartfacecfg", "8.1.15", body=SMART_FACE_OBJECT, is_change=True),
    _read_object("perpara", "8.1.16", PERI_PARA_OBJECT),
    _device("perparacfg", "8.1.17", body=PERI_PARA_OBJECT, is_change=True),
    DeviceCall(
        "userAdd",
        "8.2.2",
        CallMethod.POST,
        "/api/user",
        body=USER_OBJECT,
        is_json=True,
        shape=AnswerShape.OBJECT,
        result=USER_OBJECT,
        is_change=True,
    ),
    DeviceCall(
        "userUpdate",
        "8.2.3",
        CallMethod.POST,
        "/api/user/update/{userId}",
        body=USER_OBJECT,
        is_json=True,
        shape=AnswerShape.OBJECT,
        result=USER_OBJECT,
        is_change=True,
    ),
    DeviceCall(
        "userDelete",
        "8.2.4",
        CallMethod.GET,
        "/api/user/delete/{userId}",
        parameters=(_text("id", "id of the person, where the path holds none", 40),),
        shape=AnswerShape.OBJECT,
        result=USER_OBJECT,
        is_change=True,
    ),
    DeviceCall(
        "userList",
        "8.2.5",
        CallMethod.GET,
        "/api/user/list",
        parameters=(*_USER_FILTERS, *_PAGING),
        shape=AnswerShape.PAGE,
        result=USER_OBJECT,
    ),
    DeviceCall(
        "recordList",
        "8.3.2",
        CallMethod.GET,
        "/api/record",
        parameters=(*_RECORD_FILTERS, *_PAGING),
        shape=AnswerShape.PAGE,
        result=SIGN_OBJECT,
    ),
)
CALLS: Final[Mapping[str, DeviceCall]] = {one.name: one for one in _ALL}
"""All calls by name, in the seed's order. ``userDelete`` with the id ``all`` deletes all people."""


def signed_query(
    password: str, *, timestamp_ms: int, parameters: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return the signed query parameters of a call (seed 4.2).

    Args:
        password: of the terminal.
        timestamp_ms: now by the terminal's clock, Unix milliseconds.
        parameters: of the call; those that are None are left out.
    """
    given = {name: str(one) for name, one in (parameters or {}).items() if one is not None}
    stamp = str(timestamp_ms)
    return {**given, "timestamp": stamp, "sign": sign(stamp, password)}


@dataclass(frozen=True, slots=True)
class CallAnswer:
    """Answer of a terminal.

    Attributes:
        code: 200 for success, otherwise of chapter 7; 0 when the answer holds none.
        message: fixed words of the code.
        desc: what exactly; never with a person's data.
        value: ``data`` or ``json``, as it came; None when there is none.
    """

    code: int
    message: str
    desc: str = ""
    value: Any = field(default=None, repr=False)

    @property
    def is_ok(self) -> bool:
        """Whether the terminal did what it was asked to."""
        return self.code == OK

    @classmethod
    def from_wire(cls, payload: Any) -> "CallAnswer":
        """Read an answer; an invalid one has the code 0."""
        if not isinstance(payload, Mapping):
            return cls(0, "", "not an object")
        data = lookup(payload, "data")
        return cls(
            code=read_int(lookup(payload, "code")) or 0,
            message=read_text(lookup(payload, "message")),
            desc=read_text(lookup(payload, "desc")),
            value=lookup(payload, "json") if data is None else data,
        )


def push_connected() -> dict[str, Any]:
    """Return the first message to a subscriber (8.3.3); the leading blank is the seed's."""
    return {"code": PUSH_CONNECTED, "message": " Connected!", "desc": "Connected!"}


def push_denied() -> dict[str, Any]:
    """Return the only message to a caller that may not subscribe (8.3.3)."""
    return {"code": PUSH_DENIED, "message": "Permission Denied!", "desc": "app key not exist"}


def push_full(most: int) -> dict[str, Any]:
    """Only message to a caller when `most` subscribe already (8.3.3).

    The seed knows one code for a connection that failed; the words say why it did.
    """
    return {
        "code": PUSH_DENIED,
        "message": "Too Many Connections!",
        "desc": f"line full, {most} listeners at most",
    }


def push_record(record: Mapping[str, Any]) -> dict[str, Any]:
    """One record pushed (8.3.3); `record` is a SignObject as written."""
    return {"code": PUSH_RECORD, "message": "push record", "desc": "", "data": dict(record)}
