"""Section ``[page]``: the terminal's own web page."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from edge_agent.config.api_section import is_own_computer
from edge_agent.config.exceptions import ConfigInvalid
from edge_agent.config.typed_tables import ranged
from terminal_protocol.device_calls import DEFAULT_PASSWORD

if TYPE_CHECKING:
    from edge_agent.config import ApiConfig

_NAME: Final = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*")


class Language(StrEnum):
    """Of the page."""

    ENGLISH = "en"
    CHINESE = "zh"


class PageLanguage(StrEnum):
    """What the page speaks until a visitor chooses: the browser's language, or always this one."""

    BROWSER = "browser"
    ENGLISH = "en"
    CHINESE = "zh"


@dataclass(frozen=True, slots=True)
class PageConfig:
    """Section ``[page]``. Who may look signs in with the password of ``[api]``.

    Attributes:
        enabled: whether there is a page.
        host: address to listen on; another than this computer's own needs a password of its own.
        port: of HTTP; 0 for any free one.
        language: until a visitor chooses one.
        names: by which the page may be called besides "localhost" and addresses of numbers.
        pictures_per_s: at most so many pictures a second, however many people watch.
        picture_px: longest side of the live picture.
        watchers_most: so many watch at once.
    """

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = ranged(8897, 0, 65_535)
    language: PageLanguage = PageLanguage.BROWSER
    names: tuple[str, ...] = ()
    pictures_per_s: float = ranged(5.0, 0.1, 15.0)
    picture_px: int = ranged(640, 160, 1920)
    watchers_most: int = ranged(4, 1, 16)


def check_page(page: PageConfig, api: "ApiConfig") -> None:
    """Check what types and ranges cannot tell.

    Raises:
        ConfigInvalid: naming the key; never with the password.
    """
    if not page.host or not page.host.isprintable() or " " in page.host:
        raise ConfigInvalid('page.host: must be an address, as "127.0.0.1"')
    for name in page.names:
        if not _NAME.fullmatch(name):
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
