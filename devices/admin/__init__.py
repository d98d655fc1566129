"""Admin pages of sites and keys, and what the other apps' pages build on."""

from . import commands, scoped, sites, terminals, tokens

__all__ = ["commands", "scoped", "sites", "terminals", "tokens"]
