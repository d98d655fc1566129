"""Observation of a visitor at the door, before the decision."""

from dataclasses import dataclass, field

from edge_agent.config import MaskMode
from edge_agent.door.door_settings import DoorSettings
from edge_agent.door.temperature import BodyTemperature
from edge_agent.recognition import Mask, Sighting
from terminal_protocol import IdCard


@dataclass(frozen=True, slots=True)
class Observation:
    """One visitor.

    Attributes:
        seen_at_s: moment of the monotonic clock from which a person at the door waits.
        door: the settings that hold for this visit to its end.
        mask_assumed: what counts where the mask is unknown.
        id_card: the identity card that was read just before.
    """

    sighting: Sighting
    body: BodyTemperature | None
    seen_at_s: float
    door: DoorSettings
    mask_assumed: bool
    id_card: IdCard | None = field(default=None, repr=False)

    @property
    def temperature_c(self) -> float | None:
        """The reading in °C, None without one."""
        return None if self.body is None else self.body.c

    @property
    def mask(self) -> bool | None:
        """Whether a mask is worn; None when unknown."""
        worn = self.sighting.mask
        return None if worn is Mask.UNKNOWN else worn is Mask.WORN

    @property
    def mask_recorded(self) -> bool | None:
        """Mask state for records; None while mask detection is off (8.1.4)."""
        if not self.door.detects_masks:
            return None
        return self.mask_assumed if self.mask is None else self.mask

    @property
    def counts_as_masked(self) -> bool:
        """Whether a mask counts as worn where one is demanded."""
        if self.mask is not None:
            return self.mask
        if self.door.looking.mask is MaskMode.NONE:
            return self.mask_assumed
        return self.door.looking.mask_unknown_passes

    @property
    def waits_until_s(self) -> float:
        """Monotonic time until which the platform's answer is awaited."""
        return self.seen_at_s + self.door.answer_timeout_s
