"""Tables of what terminals reported and what somebody should look at."""

from .alert import Alert
from .record import Picture, Record

__all__ = ["Alert", "Picture", "Record"]
