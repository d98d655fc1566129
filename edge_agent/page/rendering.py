"""Templates and static files of the page, read once at the start."""

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from typing import Final

from edge_agent.config import Language
from edge_agent.page.texts import texts_of

_LANGUAGES: Final = {Language.ENGLISH: ("en", "English"), Language.CHINESE: ("zh-CN", "中文")}
_TYPES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "sign-in.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    content_type: str
    body: bytes


class Rendering:
    """Fill templates with texts; every inserted value is escaped here."""

    def __init__(self, device: Mapping[str, str]) -> None:
        """Read all files; blocks briefly.

        Args:
            device: DeviceObject of the terminal.
        """
        folder = files("edge_agent.page")
        self._device = device
        self._pages = {
            name: Template((folder / "html" / f"{name}.html").read_text(encoding="utf-8"))
            for name in ("page", "sign-in")
        }
        self.assets = {
            name: Asset(content_type, (folder / "static" / name).read_bytes())
            for name, content_type in _TYPES.items()
        }

    def page(self, language: Language, *, name: str, token: str) -> bytes:
        """Return the page of a signed-in user."""
        return self._filled("page", language, name=name, token=token)

    def sign_in(self, language: Language, *, name: str, problem: str = "") -> bytes:
        """Return the page to sign in.

        Args:
            language: of the words.
            name: of the terminal.
            problem: why signing in is impossible, name of a word; empty when it is not.
        """
        message = texts_of(language)[f"problem_{problem}"] if problem else ""
        return self._filled("sign-in", language, name=name, message=message)

    def _filled(self, page: str, language: Language, **values: str) -> bytes:
        words = texts_of(language)
        texts = words | values
        texts |= {
            "words": json.dumps(words, ensure_ascii=False),
            "lang": _LANGUAGES[language][0],
            "device_id": self._device["deviceID"],
            "version": self._device["appVer"],
        }
        escaped = {key: html.escape(text, quote=True) for key, text in texts.items()}
        escaped["languages"] = _language_links(language)
        return self._pages[page].substitute(escaped).encode()


def _language_links(chosen: Language) -> str:
    links = []
    for language, (tag, word) in _LANGUAGES.items():
        mark = ' aria-current="true"' if language is chosen else ""
        links.append(f'<a href="/?language={language.value}" lang="{tag}"{mark}>{word}</a>')
    return " ".join(links)
