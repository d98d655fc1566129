"""Shapes that the REST interface takes and shows."""

from faces.api.serializers.people import (
    ApproveAddressIn,
    CallingAddressOut,
    ExchangeOut,
    HoldingsOut,
    LibraryIn,
    LibraryOut,
    PersonIn,
    PersonOut,
    TerminalIn,
    TerminalOut,
)

__all__ = [
    "ApproveAddressIn",
    "CallingAddressOut",
    "ExchangeOut",
    "HoldingsOut",
    "LibraryIn",
    "LibraryOut",
    "PersonIn",
    "PersonOut",
    "TerminalIn",
    "TerminalOut",
]
