"""Validation of sections beyond types and ranges."""

import ipaddress
import re
from datetime import date
from typing import Final

from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.sections import ApiConfig, PageConfig
from terminal_protocol.device_calls import CALLS, DEFAULT_PASSWORD

_PASSWORD_MAX: Final = 128
_NAME_MAX: Final = 16  # seed 8.1.6, deviceName
_HOST_NAME: Final = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


def check_api(api: ApiConfig) -> None:
    """Check the section ``[api]``.

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
    """Return whether only this computer can reach a listening address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_page(page: PageConfig, api: ApiConfig) -> None:
    """Check the section ``[page]``.

    Raises:
        ConfigInvalid: naming the key; never with the password.
    """
    if not page.host or not page.host.isprintable() or " " in page.host:
        raise ConfigInvalid('page.host: must be an address, as "127.0.0.1"')
    for name in page.names:
        if not _HOST_NAME.fullmatch(name):
            raise ConfigInvalid("page.names: must hold names in small letters, without a port")
    if not page.enabled:
        return
    if api.password == DEFAULT_PASSWORD and not is_own_computer(page.host):
        raise ConfigInvalid(
            "api.password: the factory's password is good for 127.0.0.1 only;"
            f" choose another one to show the page on {page.host}"
        )
    taken = {api.port if api.enabled else 0, api.push_port if api.push_enabled else 0}
    if page.port and page.port in taken:
        raise ConfigInvalid("page.port: is one of the ports of [api]")
