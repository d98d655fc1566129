"""Admin pages of records and alerts."""

from . import alerts, records, rules

__all__ = ["alerts", "records", "rules"]
