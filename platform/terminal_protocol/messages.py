"""Upload messages of chapter 9: read tolerantly, written exactly.

Reading never refuses a message for one bad field: the field is None, the fault is named, and
what was sent stays in ``extras`` (invariant 4). Writing follows the seed's examples key for key.
Pictures and names are kept out of ``repr`` because messages end up in log lines and tracebacks.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

from ._reader import FieldReader, as_object, unwrap
from ._work_budget import WorkBudget
from .exceptions import WrongMessageType
from .values import lookup, read_image

# What storage holds; the seed's own limits (32, 16 …) are remarked on, not enforced.
_RESULTS_MAX = 10_000
_ID_LIMIT, _NAME_LIMIT, _WORD_LIMIT, _SENTENCE_LIMIT, _CARD_LIMIT = 64, 120, 64, 128, 255


@dataclass(frozen=True, slots=True)
class IdCard:
    """Data that the terminal read from a resident identity card (idCardInfo of 9.2)."""

    name: str = field(default="", repr=False)
    gender: str = field(default="", repr=False)
    national: str = field(default="", repr=False)
    birthday: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    number: str = field(default="", repr=False)
    maker: str = field(default="", repr=False)
    start_date: str = field(default="", repr=False)
    end_date: str = field(default="", repr=False)

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "IdCard | None":
        """Read a card; None when every field is empty."""
        return read_card(data)[0]

    def to_wire(self) -> dict[str, Any]:
        """Return the card as sent."""
        return {key: getattr(self, name) for name, (key, _advised) in _CARD_KEYS.items()}


# Attribute: key on the wire, length by the table of 9.2.
_CARD_KEYS: dict[str, tuple[str, int]] = {
    "name": ("name", 30),
    "gender": ("gender", 5),
    "national": ("national", 12),
    "birthday": ("birthday", 16),
    "address": ("address", 140),
    "number": ("id", 36),
    "maker": ("maker", 30),
    "start_date": ("startDate", 16),
    "end_date": ("endDate", 16),
}


def read_card(data: Mapping[str, Any]) -> tuple[IdCard | None, list[str]]:
    """Read a card and its faults; unknown keys are dropped, since they may hold numbers."""
    reader = FieldReader(data)
    values = {
        name: reader.text(
            key, limit=_CARD_LIMIT if key == "address" else _WORD_LIMIT, seed_limit=most
        )
        for name, (key, most) in _CARD_KEYS.items()
    }
    faults = [f"id_card_{fault}" for fault in reader.faults]
    return (IdCard(**values) if any(values.values()) else None), faults


# Beside the seed: in which unit the temperature is, 0 °C or 1 °F (field notes), and its variants.
UNIT_KEYS = ("temperatureUnit", "temperature_unit", "tempUnit", "temp_unit")

# One of these must say something, or there is nothing to store (9.2, 9.3).
_READING_KEYS = ("temperature", "mask", "img", "image", "screenTime", "openCode")
_PASS_KEYS = (*_READING_KEYS, "userId", "userName", "similarity", "idCardInfo", "IDCardImg")


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceMatch:
    """Upload to /syface: a person was recognised at the terminal (9.2).

    Attributes:
        user_id: as sent; may be "0", empty or a file name (field notes).
        temperature_c: None when not measured or not believable.
        captured_at: UTC by the terminal's own clock, None when not understood.
        captured_raw: that moment as sent, part of what makes a message the same.
        similarity: 0–100 by the terminal.
        image: picture as sent, decoded from base64 only.
        image_sha256: digest of a picture that the terminal had no room to keep until it could be
            sent; empty with a picture, and for terminals that never give one up.
    """

    user_id: str
    user_name: str = field(default="", repr=False)
    user_type: str = ""
    device_id: str = ""
    uuid_label: str = ""
    nation_code: str = ""
    action_code: int | None = None
    action: str = ""
    temperature_c: Decimal | None = None
    mask: bool | None = None
    captured_at: datetime | None = None
    captured_raw: str = ""
    similarity: float | None = None
    id_card: IdCard | None = field(default=None, repr=False)
    image: bytes | None = field(default=None, repr=False)
    image_sha256: str = ""
    id_card_image: bytes | None = field(default=None, repr=False)
    open_code: int | None = None
    open_message: str = ""
    extras: dict[str, Any] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()

    @classmethod
    def from_wire(cls, data: Mapping[str, Any], *, zone: tzinfo | None = None) -> "FaceMatch":
        """Read an upload; ``zone`` is its terminal's, for a timestamp without one.

        Raises:
            WrongMessageType: nothing in it belongs to a pass; who the device is does not count.
        """
        reader = FieldReader(unwrap(data, "Info"), zone=zone)
        if not reader.has_any(_PASS_KEYS):
            raise WrongMessageType
        card_data = as_object(reader.take("idCardInfo"))
        picture = _picture(reader)
        captured_at, captured_raw = reader.moment("screenTime")
        values: dict[str, Any] = {
            "user_id": reader.text("userId", limit=_ID_LIMIT, seed_limit=32),
            "user_name": reader.text("userName", limit=_NAME_LIMIT, seed_limit=32),
            "user_type": reader.text("userType", limit=_WORD_LIMIT, seed_limit=32),
            "action_code": reader.integer("actionCode"),
            "action": reader.text("action", limit=_WORD_LIMIT, seed_limit=16),
            "similarity": reader.number("similarity"),
            "id_card_image": reader.image("IDCardImg", required=False, prefix="id_card_"),
            **picture,
            **_common(reader),
        }
        if not isinstance(card_data, Mapping):
            if card_data not in (None, "", []):
                reader.faults.append("idcardinfo_wrong_type")
            # By the table of 9.2 the card's fields lie flat; by the example in idCardInfo.
            card_data = {key: reader.take(key) for key, _advised in _CARD_KEYS.values()}
        id_card, card_faults = read_card(card_data)
        reader.faults += card_faults
        return cls(
            **values,
            captured_at=captured_at,
            captured_raw=captured_raw,
            id_card=id_card,
            extras=reader.rest(),
            faults=tuple(reader.faults),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the upload as a terminal sends it.

        An unknown direction is left out, the key is optional. ``mask``, ``similarity`` and
        ``screenTime`` are not: unknown is sent as false and 0, as terminals do.
        """
        sent: dict[str, Any] = {
            "userId": self.user_id,
            "userName": self.user_name,
            "userType": self.user_type,
            "deviceId": self.device_id,
            "uuid": self.uuid_label,
            "nationCode": self.nation_code,
            **({} if self.action_code is None else {"actionCode": self.action_code}),
            "action": self.action,
            **_readings(self, unit=_CELSIUS),
            "similarity": round(self.similarity or 0),
        }
        if self.id_card is not None:
            sent["idCardInfo"] = self.id_card.to_wire()
        if self.id_card_image is not None:
            sent["IDCardImg"] = base64.b64encode(self.id_card_image).decode()
        return {**sent, **_opening(self), **_pictured(self)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TemperatureReading:
    """Upload to /syattribute: a temperature of a visitor who was not recognised (9.3)."""

    device_id: str = ""
    uuid_label: str = ""
    nation_code: str = ""
    temperature_c: Decimal | None = None
    mask: bool | None = None
    captured_at: datetime | None = None
    captured_raw: str = ""
    image: bytes | None = field(default=None, repr=False)
    image_sha256: str = ""
    open_code: int | None = None
    open_message: str = ""
    extras: dict[str, Any] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()

    @classmethod
    def from_wire(
        cls, data: Mapping[str, Any], *, zone: tzinfo | None = None
    ) -> "TemperatureReading":
        """Read an upload, in its "Info" envelope or flat; ``zone`` as for a pass.

        Raises:
            WrongMessageType: nothing in it belongs to a reading; who the device is does not count.
        """
        reader = FieldReader(unwrap(data, "Info"), zone=zone)
        if not reader.has_any(_READING_KEYS):
            raise WrongMessageType
        picture = _picture(reader)
        captured_at, captured_raw = reader.moment("screenTime")
        values = {**picture, **_common(reader)}
        return cls(
            **values,
            captured_at=captured_at,
            captured_raw=captured_raw,
            extras=reader.rest(),
            faults=tuple(reader.faults),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the upload as a terminal sends it; unknown mask and moment as false and 0."""
        readings = _readings(self)
        moment = readings.pop("screenTime")
        return {
            "Info": {
                "deviceid": self.device_id,
                "uuid": self.uuid_label,
                **readings,
                "nationCode": self.nation_code,
                **_opening(self),
                "screenTime": moment,
                **_pictured(self),
            }
        }


def without_image(upload: Mapping[str, Any]) -> dict[str, Any]:
    """Return an upload of 9.2 or 9.3 without its picture, otherwise unchanged.

    The picture's digest takes its place (``imgSha256``, ours; others pass over it), so that an
    upload whose answer was lost is known again when it is repeated without its picture.
    """
    if "Info" in upload:
        return {**upload, "Info": without_image(upload["Info"])}
    image, _fault = read_image(upload.get("img"))
    if image is None:
        return dict(upload)
    return {**upload, "img": "", "imgSha256": hashlib.sha256(image).hexdigest()}


def _picture(reader: FieldReader) -> dict[str, Any]:
    digest = reader.digest("imgSha256")
    image = reader.image("img", "image", required=not digest)
    if image is None and digest:
        reader.faults.append("image_given_up")
        return {"image": None, "image_sha256": digest}
    return {"image": image, "image_sha256": ""}


def _common(reader: FieldReader) -> dict[str, Any]:
    return {
        "device_id": reader.text("deviceid", limit=_ID_LIMIT, seed_limit=32),
        "uuid_label": reader.text("uuid", limit=_WORD_LIMIT, seed_limit=32),
        "nation_code": reader.text("nationCode", limit=_WORD_LIMIT, seed_limit=32),
        "temperature_c": reader.temperature("temperature", unit=UNIT_KEYS),
        "mask": reader.switch("mask"),
        "open_code": reader.integer("openCode"),
        "open_message": reader.text("openMsg", limit=_SENTENCE_LIMIT, seed_limit=32),
    }


# The example of 9.2 writes "36.5°C", that of 9.3 "36.3".
_CELSIUS = "°C"


def _readings(message: FaceMatch | TemperatureReading, *, unit: str = "") -> dict[str, Any]:
    degrees = message.temperature_c
    moment = message.captured_at
    return {
        "temperature": "" if degrees is None else f"{_written(degrees)}{unit}",
        "mask": bool(message.mask),
        "screenTime": 0 if moment is None else int(moment.timestamp()),
    }


def _written(degrees: Decimal) -> str:
    """Write "40.0" and "36.59": one digit behind the point at least, as the seed does."""
    tenths = degrees.quantize(Decimal("0.1"))
    return f"{tenths if tenths == degrees else degrees.normalize():f}"


def _opening(message: FaceMatch | TemperatureReading) -> dict[str, Any]:
    if message.open_code is None:
        return {}
    return {"openCode": message.open_code, "openMsg": message.open_message}


def _pictured(message: FaceMatch | TemperatureReading) -> dict[str, Any]:
    sent = {"img": base64.b64encode(message.image or b"").decode()}
    if message.image is None and message.image_sha256:
        sent["imgSha256"] = message.image_sha256
    return sent


@dataclass(frozen=True, slots=True)
class ResultFeedback:
    """Result of one person's change on the terminal (9.4)."""

    user_id: str
    code: str
    message: str = ""

    @property
    def is_success(self) -> bool:
        """Whether the terminal carried out the change: 100 by the seed, 0 or 200 by others."""
        return self.code in {"0", "100", "200"}


def read_feedback(*bodies: Mapping[str, Any]) -> tuple[list[ResultFeedback], tuple[str, ...]]:
    """Read /syresult: one result or several, enveloped or flat, in one object or in more.

    Returns:
        The results, and fault words for entries without a user.

    Raises:
        WrongMessageType: there is no result in it.
    """
    entries: list[Any] = []
    budget = WorkBudget()
    for data in bodies:
        found = lookup(data, "resultList")
        entries += found if isinstance(found, list) else [data]
    results: list[ResultFeedback] = []
    faults: list[str] = []
    if len(entries) > _RESULTS_MAX:
        faults.append("results_too_many")
    for entry in entries[:_RESULTS_MAX]:
        if not isinstance(entry, Mapping):
            faults.append("result_not_an_object")
            continue
        reader = FieldReader(unwrap(entry, "resultList", budget))
        result = ResultFeedback(
            user_id=reader.text("userID", limit=_ID_LIMIT, seed_limit=32),
            code=reader.text("status", "code", limit=16),
            message=reader.text("msg", "message", limit=255),
        )
        if result.user_id:
            results.append(result)
        else:
            faults.append("result_without_user")
    if not results:
        raise WrongMessageType
    return results, tuple(faults)


def write_feedback(results: list[ResultFeedback]) -> dict[str, Any]:
    """Return /syresult as a terminal sends it: one result as an object, several as a list."""
    entries = [
        {"userID": one.user_id, "status": one.code, "msg": one.message[:32]} for one in results
    ]
    return {"resultList": entries[0] if len(entries) == 1 else entries}


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """/syheartbeat (9.5); a body is optional in the field.

    Attributes:
        server_url: BaseUrl of the platform, which holds a secret.
    """

    device_id: str = ""
    server_url: str = field(default="", repr=False)
    extras: dict[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def from_wire(cls, data: Mapping[str, Any]) -> "Heartbeat":
        """Read a heartbeat; anything is one."""
        reader = FieldReader(unwrap(data, "Heartinfo"))
        return cls(
            device_id=reader.text("deviceid", limit=_ID_LIMIT),
            server_url=reader.text("ServerURL", limit=_SENTENCE_LIMIT),
            extras=reader.rest(),
        )

    def to_wire(self) -> dict[str, Any]:
        """Return the heartbeat as a terminal sends it; an address too long for 9.5 is left empty.

        One that was cut would be another address.
        """
        url = self.server_url if len(self.server_url) <= _SENTENCE_LIMIT else ""
        return {"Heartinfo": {"deviceid": self.device_id, "ServerURL": url}}
