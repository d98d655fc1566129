"""Limits that the seed sets."""

from typing import Final

DEVICE_ID_MAX: Final = 32  # 9.2, deviceid
UNLOCK_DELAY_MIN_MS: Final = 20  # 9.2, unlockDelay
UNLOCK_DELAY_MAX_MS: Final = 5000
RELAY_HOLD_MAX_MS: Final = 30_000  # 8.1.5, unlockOuttime, up to 30 s
CARD_MAX: Final = 40  # 8.2.1, icNumber
