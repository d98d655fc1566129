"""Admin pages of sites and keys, and what the other apps' pages build on."""

from . import scoped, sites, terminals, tokens

__all__ = ["scoped", "sites", "terminals", "tokens"]
