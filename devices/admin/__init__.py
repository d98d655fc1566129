"""Admin pages of sites and keys, and what the other apps' pages build on."""

from . import audit, commands, scoped, sites, terminals, tokens

__all__ = ["audit", "commands", "scoped", "sites", "terminals", "tokens"]
