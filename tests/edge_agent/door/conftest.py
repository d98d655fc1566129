"""A door whose library holds one resident."""

from tests.support.edge.door import door

__all__ = ["door"]
