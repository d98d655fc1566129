"""A door to be examined."""

from tests.support.edge.examined_door import door

__all__ = ["door"]
