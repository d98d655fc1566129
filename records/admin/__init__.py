"""Admin pages of records and alerts."""

from . import alerts, records

__all__ = ["alerts", "records"]
