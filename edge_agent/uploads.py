"""Visits as the uploads of seed 9.2 and 9.3."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from edge_agent.library import Match
from edge_agent.platform_client import encode
from terminal_protocol import FaceMatch, TemperatureReading

_ACTIONS: Final = {1: "进门", 2: "出门"}  # seed 9.2, actionCode and action
_TEMPERATURE_ABNORMAL: Final = 101  # seed 9.3, openCode
_TEMPERATURE_ABNORMAL_WORDS: Final = "温度异常"


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
    ) -> bytes:
        """Body of /syface.

        Args:
            match: who it is.
            captured_at, temperature_c, snapshot: see `temperature`.
            mask: whether one is worn; None when it cannot be told, then `mask_assumed` is sent.
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
    ) -> bytes:
        """Body of /syattribute, for somebody who was not recognised.

        Args:
            captured_at: by the terminal's clock.
            temperature_c: reading in °C, None without one.
            limit_c: from here on it is abnormal, in °C.
            snapshot: JPEG.
            mask: see `face_match`.
        """
        is_high = temperature_c is not None and temperature_c >= limit_c
        message = TemperatureReading(
            device_id=self.device_id,
            uuid_label=self.uuid_label,
            nation_code=self.nation_code,
            temperature_c=_decimal(temperature_c),
            mask=self.mask_assumed if mask is None else mask,
            captured_at=captured_at,
            image=snapshot,
            open_code=_TEMPERATURE_ABNORMAL if is_high else None,
            open_message=_TEMPERATURE_ABNORMAL_WORDS if is_high else "",
        )
        return encode(message.to_wire())


def _decimal(temperature_c: float | None) -> Decimal | None:
    return None if temperature_c is None else Decimal(str(temperature_c))
