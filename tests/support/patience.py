"""How long to wait for room in the budget of pictures."""

from face_engine import (
    WaitLimits,
)

MB = 2**20
AT_ONCE = WaitLimits(0)
SOON = WaitLimits(20)
