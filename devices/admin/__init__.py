"""Admin pages of sites, terminals and keys, and what the other apps' pages build on."""

from . import audit, commands, erased_by_jobs, jobs, scoped, sites, terminals, tokens

__all__ = ["audit", "commands", "erased_by_jobs", "jobs", "scoped", "sites", "terminals", "tokens"]
