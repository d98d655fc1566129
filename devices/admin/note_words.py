"""What came of a terminal's message, in the reader's language: a line for each fact."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.services import note_words
from terminal_protocol import fault_words

_LINES_MOST = 40


def note_lines(note: Mapping[str, Any]) -> SafeString:
    """Return the facts of a note (``Answered.note``), one a line."""
    lines = [line for name, value in note.items() for line in _lines(name, value)]
    return format_html_join("", "<div>{}</div>", ((line,) for line in lines[:_LINES_MOST]))


def _lines(name: str, value: Any) -> list[str]:
    if name in {"faults", "repairs"}:
        return [_(fault_words(str(one))) for one in value]
    if name == "others":
        return [_("stored as record %(number)s") % {"number": one} for one in value]
    if name == "repeat":
        return [_("the same message once more")] if value else []
    if name in {"save", "delete", "results"}:
        return [_counted(name, value)] if value else []
    if name == "record":
        return [_("stored as record %(number)s") % {"number": value}]
    if name == "cursor":
        return [_("it asks for what comes after %(cursor)s next") % {"cursor": value}]
    return [note_words(name, value)]


def _counted(name: str, count: int) -> str:
    words = {
        "save": ngettext("%(count)d face to store", "%(count)d faces to store", count),
        "delete": ngettext("%(count)d face to delete", "%(count)d faces to delete", count),
        "results": ngettext("%(count)d result taken in", "%(count)d results taken in", count),
    }
    return words[name] % {"count": count}
