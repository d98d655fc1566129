"""Admin pages of people, libraries, deliveries, and of terminals with what they hold."""

from . import deliveries, libraries, people, terminals, time_plans

__all__ = ["deliveries", "libraries", "people", "terminals", "time_plans"]
