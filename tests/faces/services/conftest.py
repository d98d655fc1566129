"""A terminal that can be called, and its row."""

from tests.support.called_terminal import door, gate

__all__ = ["door", "gate"]
