"""A terminal to call."""

from tests.support.called_terminal import door

__all__ = ["door"]
