"""When and from where terminals were heard last."""

from .addresses_seen import addresses_settle
from .homes import (
    Whereabouts,
    address_approve,
    address_return_settled,
    addresses_new,
    addresses_returned,
    is_token_in_force,
    whereabouts,
)
from .presence import (
    PresenceTurn,
    Sighting,
    presence_flush,
    presence_last_seen,
    presence_seen,
    presence_sweep,
    sighting_steps,
)

__all__ = [
    "PresenceTurn",
    "Sighting",
    "Whereabouts",
    "address_approve",
    "address_return_settled",
    "addresses_new",
    "addresses_returned",
    "addresses_settle",
    "is_token_in_force",
    "presence_flush",
    "presence_last_seen",
    "presence_seen",
    "presence_sweep",
    "sighting_steps",
    "whereabouts",
]
