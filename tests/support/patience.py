"""How long to wait for room in the budget of pictures."""

from face_engine import (
    Patience,
)

MB = 2**20
AT_ONCE = Patience(0)
SOON = Patience(20)
