"""What must hold for the section ``[api]`` beyond types and ranges."""

import ipaddress
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from edge_agent.config.exceptions import ConfigInvalid
from terminal_protocol.device_calls import CALLS, DEFAULT_PASSWORD

if TYPE_CHECKING:
    from edge_agent.config import ApiConfig

_PASSWORD_MAX: Final = 128
_NAME_MAX: Final = 16  # seed 8.1.6, deviceName


class Replay(StrEnum):
    """What becomes of a call that acts and carries a signature that was used before."""

    REFUSE = "refuse"
    ALLOW = "allow"


def check_api(api: "ApiConfig") -> None:
    """Check the section.

    Raises:
        ConfigInvalid: naming the key; never with the password.
    """
    if not api.host or not api.host.isprintable() or " " in api.host:
        raise ConfigInvalid('api.host: must be an address, as "127.0.0.1"')
    is_served = api.enabled or api.push_enabled
    if is_served and api.password == DEFAULT_PASSWORD and not is_own_computer(api.host):
        raise ConfigInvalid(
            "api.password: the factory's password is good for 127.0.0.1 only;"
            f" choose another one to listen on {api.host}"
        )
    if len(api.password) > _PASSWORD_MAX:
        raise ConfigInvalid(f"api.password: must have at most {_PASSWORD_MAX} characters")
    if len(api.device_name) > _NAME_MAX:
        raise ConfigInvalid(f"api.device_name: must have at most {_NAME_MAX} characters")
    if api.password_expires:
        try:
            date.fromisoformat(api.password_expires)
        except ValueError:
            raise ConfigInvalid("api.password_expires: must be a day, as 2027-12-31") from None
    for network in api.allow_from:
        try:
            ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise ConfigInvalid("api.allow_from: must hold addresses or networks") from None
    for name in api.unsupported:
        if name not in CALLS:
            raise ConfigInvalid(f"api.unsupported: unknown call; known are {', '.join(CALLS)}")


def is_own_computer(host: str) -> bool:
    """Whether nobody outside of this computer reaches what listens on an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
