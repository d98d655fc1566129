"""A terminal that can be called, and its row."""

from tests.devices.services.conftest import door, gate

__all__ = ["door", "gate"]
