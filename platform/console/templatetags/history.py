"""Entries of Django's history in the reader's language.

Django notes the labels of a form's fields in English, with a capital; the catalogue has them as the
models and forms write them.
"""

import json
from typing import Any

from django import template
from django.contrib import admin
from django.contrib.admin.models import ADDITION, DELETION, LogEntry
from django.utils import translation
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from faces.models.time_plan import Weekday

register = template.Library()

# What faces.admin.people notes of an upload that has not become the photo on file.
_PHOTO_WORDS = {
    "photo_refused": gettext_lazy("A new photo was refused."),
    "photo_waits": gettext_lazy("A new photo waits to be checked."),
}


@register.filter
def change_words(entry: LogEntry) -> str:
    """Say what was done, and to which fields."""
    try:
        parts = json.loads(entry.change_message or "[]")
    except json.JSONDecodeError:
        return str(entry.change_message)
    if not isinstance(parts, list):
        return str(entry.change_message)
    words = [_one(entry, kind, what) for part in parts for kind, what in part.items()]
    return " ".join(word for word in words if word) or _plain(entry.action_flag)


def _one(entry: LogEntry, kind: str, what: dict[str, Any]) -> str:
    fields = ", ".join(_label(entry, one) for one in what.get("fields", []))
    about = f"{_translated(what['name'])} “{_row(what['object'])}”" if "name" in what else ""
    if kind in _PHOTO_WORDS:
        return str(_PHOTO_WORDS[kind])
    facts = {"what": about, "fields": fields}
    if kind == "added":
        return _("Added %(what)s.") % facts if about else _("Added.")
    if kind == "deleted":
        return _("Deleted %(what)s.") % facts if about else _("Deleted.")
    if about:
        return _("Changed %(fields)s of %(what)s.") % facts
    return _("Changed %(fields)s.") % facts if fields else ""


def _plain(flag: int) -> str:
    if flag == ADDITION:
        return _("Added.")
    return _("Deleted.") if flag == DELETION else _("Nothing was changed.")


def _label(entry: LogEntry, noted: str) -> str:
    """Return a field's label: by the model's column of that name, or as the catalogue has it."""
    model = entry.content_type.model_class() if entry.content_type else None
    for field in model._meta.get_fields() if model in admin.site._registry else ():
        label = getattr(field, "verbose_name", None)
        if label is None:
            continue
        with translation.override(None):
            is_it = capfirst(str(label)) == noted
        if is_it:
            return str(label)
    return _translated(noted)


def _translated(noted: str) -> str:
    found = _(noted)
    return found if found != noted else _(noted[:1].lower() + noted[1:])


def _row(noted: str) -> str:
    """Return a row's name; hours begin with the day, noted in English."""
    day, blank, hours = noted.partition(" ")
    with translation.override(None):
        is_day = day in {str(one.label) for one in Weekday}
    return f"{_(day)}{blank}{hours}" if is_day else noted
