"""Uploads of visits (seed 9.2 and 9.3)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final

from edge_agent.storage import Match, encode
from terminal_protocol import FaceMatch, IdCard, TemperatureReading

_ACTIONS: Final = {1: "进门", 2: "出门"}  # seed 9.2, actionCode and action


class MessageLanguage(IntEnum):
    """``languageType`` of 8.1.6: in which language a message describes the door."""

    CHINESE = 0
    ENGLISH = 1


class OpenCode(IntEnum):
    """``openCode`` of 9.3: outcome at the door and its reason."""

    OPENED = 100
    TEMPERATURE_ABNORMAL = 101
    MASK_MISSING = 102


_OPEN_WORDS: Final = {
    MessageLanguage.CHINESE: {
        OpenCode.OPENED: "开门成功",
        OpenCode.TEMPERATURE_ABNORMAL: "温度异常",
        OpenCode.MASK_MISSING: "未佩戴口罩",
    },
    MessageLanguage.ENGLISH: {
        OpenCode.OPENED: "door opened",
        OpenCode.TEMPERATURE_ABNORMAL: "abnormal temperature",
        OpenCode.MASK_MISSING: "no mask",
    },
}


@dataclass(frozen=True, slots=True)
class UploadWriter:
    """Writes uploads for one terminal.

    Attributes:
        device_id, uuid_label, nation_code, action_code, mask_assumed: see
            `edge_agent.config.AgentConfig`.
    """

    device_id: str
    uuid_label: str
    nation_code: str
    action_code: int
    mask_assumed: bool

    def face_match(
        self,
        match: Match,
        *,
        captured_at: datetime,
        temperature_c: float | None,
        snapshot: bytes,
        mask: bool | None = None,
        id_card: IdCard | None = None,
    ) -> bytes:
        """Body of /syface.

        Args:
            match: who it is.
            captured_at, temperature_c, snapshot: see `temperature`.
            mask: whether one is worn; None when unknown, then `mask_assumed` is sent.
            id_card: what the person's identity card says; None when none was read.
        """
        message = FaceMatch(
            user_id=match.user_id,
            user_name=match.name,
            user_type=match.user_type,
            device_id=self.device_id,
            uuid_label=self.uuid_label,
            nation_code=self.nation_code,
            action_code=self.action_code,
            action=_ACTIONS[self.action_code],
            temperature_c=_decimal(temperature_c),
            mask=self.mask_assumed if mask is None else mask,
            captured_at=captured_at,
            similarity=match.similarity,
            id_card=id_card,
            image=snapshot,
        )
        return encode(message.to_wire())

    def temperature(
        self,
        *,
        captured_at: datetime,
        temperature_c: float | None,
        limit_c: float,
        snapshot: bytes,
        mask: bool | None = None,
        misses_mask: bool = False,
        is_opened: bool = False,
        message_language: MessageLanguage = MessageLanguage.CHINESE,
    ) -> bytes:
        """Return the body of /syattribute for a visitor who was not recognised.

        Args:
            captured_at: by the terminal's clock.
            temperature_c: reading in °C, None without one.
            limit_c: from here on it is abnormal, in °C.
            snapshot: JPEG.
            mask: see `face_match`.
            misses_mask: whether masks are looked at, and none is worn.
            is_opened: whether the door opens.
            message_language: language of the words that go with the code.
        """
        code: OpenCode | None = OpenCode.MASK_MISSING if misses_mask else None
        if temperature_c is not None and temperature_c >= limit_c:
            code = OpenCode.TEMPERATURE_ABNORMAL
        if is_opened:
            code = OpenCode.OPENED
        message = TemperatureReading(
            device_id=self.device_id,
            uuid_label=self.uuid_label,
            nation_code=self.nation_code,
            temperature_c=_decimal(temperature_c),
            mask=self.mask_assumed if mask is None else mask,
            captured_at=captured_at,
            image=snapshot,
            open_code=code,
            open_message="" if code is None else _OPEN_WORDS[message_language][code],
        )
        return encode(message.to_wire())


def _decimal(temperature_c: float | None) -> Decimal | None:
    return None if temperature_c is None else Decimal(str(temperature_c))
