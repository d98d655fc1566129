"""Objects of chapter 8 of the seed as tables: names, types, limits, sections.

    reading = SMART_FACE_OBJECT.read(body)      # values in order, problems by name, extras
    SMART_FACE_OBJECT.write(values)             # strict: exactly the seed's keys, in its order

Both sides use them: the terminal to check what it is told, the platform to check what a manager
types before it is sent and to show what a terminal reports. Misspelt names (``deviceMoel``,
``defRout``, ``wifiFlage``, ``GB28181Flage``) are the wire's names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .device_fields import FieldKind, FieldsReading, WireField, read_fields

_ON_OFF: Final = (0, 1)
USER_TYPES: Final = (1, 2, 3, -1)
"""Employee, visitor, blacklist, stranger (8.2.1)."""


@dataclass(frozen=True, slots=True)
class WireObject:
    """A table of the seed.

    Attributes:
        name: as the seed calls it.
        section: where in the seed.
        fields: its rows, in the seed's order.
    """

    name: str
    section: str
    fields: tuple[WireField, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Wire names of all fields."""
        return tuple(one.name for one in self.fields)

    @property
    def required(self) -> tuple[str, ...]:
        """Wire names of the required fields."""
        return tuple(one.name for one in self.fields if one.is_required)

    def field(self, name: str) -> WireField:
        """Return one row.

        Raises:
            KeyError: there is none of that name.
        """
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)

    def read(self, data: Mapping[str, Any], *, is_partial: bool = False) -> FieldsReading:
        """Read an object tolerantly; see `device_fields.read_fields`."""
        return read_fields(self.fields, data, is_partial=is_partial)

    def write(self, values: Mapping[str, Any], *, is_partial: bool = False) -> dict[str, Any]:
        """Write an object strictly: in the seed's order, optional fields without a value left out.

        Args:
            values: wire name to value.
            is_partial: whether required fields may be absent, as a change of few settings.

        Raises:
            ValueError: a name that the table does not have, or a value it does not allow; the
                message names fields, never values.
        """
        reading = self.read(values, is_partial=is_partial)
        wrong = [*(one.text for one in reading.problems), *reading.extras]
        if wrong:
            raise ValueError(f"{self.name}: " + "; ".join(wrong))
        return {name: reading.values[name] for name in self.names if name in reading.values}


def _text(
    name: str, label: str, most: int | None, *, is_required: bool = True, may_be_empty: bool = False
) -> WireField:
    return WireField(
        name,
        FieldKind.TEXT,
        label,
        is_required,
        length_max=most,
        may_be_empty=may_be_empty,
    )


def _whole(
    name: str,
    label: str,
    *,
    between: tuple[int, int] | None = None,
    choices: tuple[int, ...] = (),
    is_required: bool = True,
) -> WireField:
    least, most = between or (None, None)
    return WireField(name, FieldKind.WHOLE, label, is_required, least, most, choices)


def _switch(name: str, label: str, *, is_required: bool = True) -> WireField:
    return _whole(name, label, choices=_ON_OFF, is_required=is_required)


def _address(name: str, label: str) -> WireField:
    # A terminal that gets its addresses from DHCP has none of its own to report.
    return WireField(name, FieldKind.ADDRESS, label, length_max=15, may_be_empty=True)


DEVICE_OBJECT: Final = WireObject(
    "DeviceObject",
    "8.1.1",
    (
        _text("deviceID", "unique id of the terminal", 32),
        _text("deviceName", "name of the terminal", 32),
        _text("appVer", "version of its program", 32),
        _text("webVer", "version of its pages", 32),
        _text("deviceMoel", "model (sic)", 32),
    ),
)

NETWORK_OBJECT: Final = WireObject(
    "NetworkObject",
    "8.1.2",
    (
        _switch("dhcpEnable", "addresses by DHCP"),
        _address("ipAddress", "IPv4 address"),
        _address("subMask", "subnet mask"),
        _address("DNS1", "first name server"),
        _address("DNS2", "second name server"),
        _address("defRout", "gateway (sic)"),
    ),
)

AUDIO_OBJECT: Final = WireObject(
    "AudioObject",
    "8.1.3",
    (
        _switch("aencEnable", "audio"),
        _whole(
            "aencType",
            "G726 1, G722 2, G711A 3, ADPCM 4, MP3 5, PCM 6, G711U 7, AACLC 8",
            between=(1, 8),
        ),
        _whole("sampleRate", "samples per second", between=(0, 2**31 - 1)),
        _whole("aencbitrate", "bits per second", between=(0, 2**31 - 1)),
        _switch("micLine", "microphone input 0 or 1"),
        _whole("volumeIn", "input volume", between=(0, 15)),
        _whole("volumeOut", "output volume", between=(0, 15)),
    ),
)

SMART_FACE_OBJECT: Final = WireObject(
    "SmartFaceObject",
    "8.1.4",
    (
        _switch("faceEnable", "looking for faces"),
        _switch("faceCmpEnable", "comparing faces with the library"),
        _whole("faceThre", "detection threshold", between=(0, 10)),
        _whole("faceMinsize", "smallest face taken, pixels", between=(30, 300)),
        _whole("faceMaxsize", "largest picture of a face, pixels", between=(300, 500)),
        _whole("faceInterval", "pause between two detections of a face, s", between=(6, 20)),
        _whole("imgType", "picture sent: 0 face, 1 whole, 2 both", choices=(0, 1, 2)),
        _switch("maskDetecEnable", "mask detection"),
        _switch("tempDetecEnable", "measuring temperature"),
        WireField(
            "tempWarnThre",
            FieldKind.NUMBER,
            "temperature of the alarm, °C",
            least=37.0,
            most=37.5,
        ),
        _switch("ftpPutImgEnable", "pictures by FTP"),
        _switch("faceFrame", "frame drawn around faces"),
    ),
)

PERI_PARA_OBJECT: Final = WireObject(
    "PerParaObject",
    "8.1.5",
    (
        _whole("detecTemMod", "way of measuring temperature", between=(0, 255)),
        _switch("alarmType", "alarm on normal 0 or abnormal 1", is_required=False),
        _switch("voiceProswitch", "voice prompts"),
        _switch("tempNormal", "temperature must be normal to pass"),
        _switch("maskNormal", "a mask must be worn to pass"),
        _switch("cmpNormal", "the face must be recognised to pass"),
        _switch("RecordOpen", "video recording"),
        _switch("unlockControl", "lock normally open 0, normally closed 1"),
        _whole("unlockOuttime", "how long the door is unlocked, s", between=(1, 30)),
    ),
)

PRODUCTION_OBJECT: Final = WireObject(
    "ProductionObject",
    "8.1.6",
    (
        _whole("deviceType", "kind of terminal", between=(0, 2**31 - 1)),
        _text("devSerialUUID", "serial number", 32, is_required=False),
        _text("deviceName", "name of the terminal", 16),
        _whole("sensorType", "kind of image sensor", between=(0, 2**31 - 1)),
        _whole("screenSizeType", "size of the screen", between=(0, 2**31 - 1)),
        _whole("deviceCpuType", "kind of processor", between=(0, 2**31 - 1)),
        _switch("wifiFlage", "has wifi (sic)"),
        _switch("wifiDefaultMode", "wifi as station 0, access point 1"),
        _whole("defaultIPAddr", "default IPv4 address as a number", between=(0, 2**32 - 1)),
        _switch("languageType", "Chinese 0, English 1"),
        _switch("GB28181Flage", "has GB28181 (sic)"),
        _switch("P2PType", "can be watched by phone"),
    ),
)

USER_OBJECT: Final = WireObject(
    "UserObject",
    "8.2.1",
    (
        _text("userId", "id of the person", 40),
        _whole("userType", "1 employee, 2 visitor, 3 blacklist, -1 stranger", choices=USER_TYPES),
        WireField("photo", FieldKind.PICTURE, "JPEG in base64", is_required=False),
        _text("icNumber", "number of the IC card", 40, may_be_empty=True),
        _text("jobNumber", "number at work", 40, may_be_empty=True),
        _text("mobile", "mobile phone", 20, may_be_empty=True),
        _text("name", "name", 80),
        _text("remark", "remark", 255, may_be_empty=True),
        _text("department", "department", 80, is_required=False),
        _whole("birthday", "Unix seconds", is_required=False),
        _whole("entryTime", "joined at, Unix seconds", is_required=False),
        _text("mail", "mail address", 40, is_required=False),
        _text("title", "position", 40, is_required=False),
        _text("position", "place of work", 100, is_required=False),
        _text("idNumber", "number of the identity document", 40, is_required=False),
        _whole("gender", "1 male, 2 female", choices=(1, 2), is_required=False),
        _text("prompt", "welcome shown at the door", 100, is_required=False),
        _whole("startTime", "visit begins, Unix seconds", is_required=False),
        _whole("endTime", "visit ends, Unix seconds", is_required=False),
        _text("purpose", "purpose of the visit", 40, is_required=False),
        _text("interviewee", "who is visited", 80, is_required=False),
        _text("comeFrom", "where the visitor comes from", 200, is_required=False),
        _text("description", "signature line", 80, is_required=False),
    ),
)

SIGN_FIELDS: Final = (
    _whole("id", "number of the record", between=(0, 2**53)),
    WireField("signAvatar", FieldKind.PICTURE, "picture taken, JPEG in base64", is_required=False),
    _whole("signTime", "recognised at, Unix seconds", between=(0, 2**53)),
    _whole("type", "type of the person, as userType", choices=USER_TYPES),
    _whole("inputType", "1 face, 2 QR code, 3 card, 4 UUID", choices=(1, 2, 3, 4)),
    _whole("similarity", "0 to 100", between=(0, 100), is_required=False),
    WireField(
        "temperature",
        FieldKind.NUMBER,
        "body temperature, °C",
        is_required=False,
        least=0.0,
        most=100.0,
    ),
    _whole("temperatureState", "0 normal, -1 low, 1 high", choices=(0, -1, 1), is_required=False),
    WireField("wearMask", FieldKind.SWITCH, "a mask was worn", is_required=False),
    WireField("wearMaskAlarm", FieldKind.SWITCH, "alarm: no mask was worn", is_required=False),
    _text("deviceMark", "which terminal", 255, is_required=False),
)
"""What 8.3.1 adds to a UserObject."""

# A stranger has neither id nor name: in a record both may be empty.
_SIGNED_PERSON: Final = tuple(
    _text(one.name, one.label, one.length_max, may_be_empty=True)
    if one.name in {"userId", "name"}
    else one
    for one in USER_OBJECT.fields
)
SIGN_OBJECT: Final = WireObject("SignObject", "8.3.1", (*_SIGNED_PERSON, *SIGN_FIELDS))

OBJECTS: Final[Mapping[str, WireObject]] = {
    one.name: one
    for one in (
        DEVICE_OBJECT,
        NETWORK_OBJECT,
        AUDIO_OBJECT,
        SMART_FACE_OBJECT,
        PERI_PARA_OBJECT,
        PRODUCTION_OBJECT,
        USER_OBJECT,
        SIGN_OBJECT,
    )
}
"""All objects by the seed's name."""
