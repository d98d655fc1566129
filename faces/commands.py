"""Commands about the people on a terminal (seed 8.2): send, compare, repair, delete."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from devices.choices import CommandKind
from devices.command_kinds import SOON, TODAY, Card, Given, Kind, register
from faces.services import people_compare, people_push, people_repair, people_wipe

_TASK = "faces.tasks.command_run"
_CARD = Card("faces/commands/people.html", place=20)
_WHAT = {"owed": _("What is still owed"), "all": _("Everybody")}
_SENT = {"done": _("done"), "failed": _("failed"), "fetching": _("fetched by the terminal itself")}
_READ = {"read": _("read"), "total": _("in all")}


def _checked(given: Mapping[str, Any]) -> dict[str, Any]:
    what = given.get("what") or "owed"
    if what not in _WHAT:
        raise ValidationError({"what": gettext("Say owed or all.")})
    return {"what": what}


def _rows(payload: Mapping[str, Any]) -> list[tuple[str, Any]]:
    if "what" not in payload:
        return []
    return [(gettext("what"), _WHAT["all" if payload["what"] == "all" else "owed"])]


PEOPLE_PUSH = register(
    Kind(
        name=CommandKind.PEOPLE_PUSH,
        words=_("Send people now"),
        work=people_push,
        expires=TODAY,
        task=_TASK,
        card=_CARD,
        given={
            "what": Given(
                serializers.ChoiceField(choices=tuple(_WHAT), required=False),
                forms.ChoiceField(choices=list(_WHAT.items()), required=False),
            )
        },
        check=_checked,
        shows=_rows,
        counts={**_SENT, "total": _("in all")},
        counts_if_any=frozenset({"failed", "fetching"}),
    )
)
PEOPLE_COMPARE = register(
    Kind(
        name=CommandKind.PEOPLE_COMPARE,
        words=_("Compare people"),
        work=people_compare,
        expires=TODAY,
        task=_TASK,
        card=_CARD,
        counts={
            **_READ,
            "held": _("people on it"),
            "missing": _("missing"),
            "extra": _("too many"),
            "different": _("different"),
        },
    )
)
PEOPLE_REPAIR = register(
    Kind(
        name=CommandKind.PEOPLE_REPAIR,
        words=_("Repair people"),
        work=people_repair,
        expires=SOON,
        task=_TASK,
        asks_twice=True,
        warns=lambda _payload: gettext(
            "Whoever was enrolled at the terminal itself and is not on file here is deleted "
            "from it."
        ),
        card=_CARD,
        counts={**_READ, **_SENT, "deleted": _("deleted"), "left": _("still wrong")},
        counts_if_any=frozenset({"failed", "fetching", "deleted", "left"}),
    )
)
PEOPLE_WIPE = register(
    Kind(
        name=CommandKind.PEOPLE_WIPE,
        words=_("Delete all people on it"),
        work=people_wipe,
        expires=timedelta(minutes=2),
        task=_TASK,
        asks_twice=True,
        warns=lambda _payload: gettext(
            "Nobody is recognised until it has fetched everybody again."
        ),
        card=_CARD,
    )
)
