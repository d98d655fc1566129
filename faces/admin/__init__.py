"""Admin pages of people, libraries and deliveries, and what they add to those of terminals."""

from . import deliveries, libraries, people, terminals, time_plans

__all__ = ["deliveries", "libraries", "people", "terminals", "time_plans"]
