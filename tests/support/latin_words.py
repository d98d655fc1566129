"""Latin words on a page that is to be read in Chinese."""

import re
from collections.abc import Collection
from functools import cache
from html.parser import HTMLParser

from django.contrib import admin
from django.contrib.auth.models import User

from devices.models import Site
from tests.support.two_sites import World

# Names and notations that Chinese uses as they are.
ALLOWED = {
    "Menjin", "ID", "API", "IP", "REST", "JSON", "URL", "JPEG", "PNG", "WebP", "HEIC", "HTTP", "QR",
    "IPv", "CIDR", "PIN", "DHCP", "DNS", "MAC", "WiFi", "NAT", "UTC", "MB", "MQTT", "IC",
    "BaseUrl", "OpenAPI", "websocket", "WebSocket", "Asia", "Shanghai", "English", "EN", "ms", "px",
    # Keys, and what a directory service is called.
    "Control", "Mac", "Command", "LDAP",
    # A digest (md5), a recognition model, and pictures of Django's own templates.
    "md", "Search", "sface", "dec", "True", "False", "None",
    # How the software terminal's commands are written.
    "cmd", "get", "set", "object", "AudioObject",
    "min", "Django", "Token", "LED", "KB", "GB", "TB", "PB", "AM", "PM", "NTP", "FTP", "CSV",
    # Encodings, and what is no number.
    "base", "BOM", "UTF", "NaN", "Infinity",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z][A-Za-z']+")
# What is read aloud or shown of an element besides its text.
_SHOWN = {"title", "placeholder", "alt", "aria-label"}
_SILENT = {"script", "style", "template", "code"}


class _Words(HTMLParser):
    """Collects the texts of a page that are meant for people."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        given = dict(attrs)
        self.texts += [given[name] or "" for name in _SHOWN & given.keys()]
        if tag == "input" and given.get("type") in {"submit", "button"}:
            self.texts.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def latin(page: str, data: Collection[str]) -> list[str]:
    """Return the texts of a page with Latin words that are neither data nor allowed."""
    known = frozenset(data)
    reader = _Words()
    reader.feed(page)
    # Of a password's digest Django shows the first characters.
    texts = [text.strip() for text in reader.texts if "****" not in text]
    return [text for text in texts if {*_WORD.findall(_without(text, known))} - ALLOWED]


@cache
def _without(text: str, data: frozenset[str]) -> str:
    """Return a text without its data; most texts are on every page."""
    for value in _longest_first(data):
        text = text.replace(value, "")
    return text


@cache
def _longest_first(data: frozenset[str]) -> list[str]:
    return sorted(data, key=len, reverse=True)


def data_of(world: World) -> set[str]:
    """Return what was entered in Latin letters, which is shown as it was entered."""
    values = {user.username for user in User.objects.all()} | {"alpha", "bravo", "menjin-test"}
    values |= set(Site.objects.values_list("address_tag", flat=True))
    for model in admin.site._registry:
        texts = [field.attname for field in model._meta.concrete_fields if not field.choices]
        for row in model._default_manager.values(*texts):
            values |= {
                value
                for value in row.values()
                if isinstance(value, str) and re.search("Alpha|Bravo|alpha|bravo", value)
            }
    return values
