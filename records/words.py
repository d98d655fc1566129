"""Words for managers about what an alert measured."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from records.choices import AlertKind

_SIGN_WORDS = {
    "address": gettext_lazy("called in turns from %(first)s and %(second)s"),
    "cursor": gettext_lazy("asked for people in turns since %(first)s and since %(second)s"),
    "label": gettext_lazy("device number in turns %(first)s and %(second)s"),
    "server": gettext_lazy("server in turns %(first)s and %(second)s"),
    "firmware": gettext_lazy("firmware in turns %(first)s and %(second)s"),
}


def shared_id_words(facts: Mapping[str, Any]) -> str:
    """Say by what two terminals under one device ID were told apart; empty for other alerts."""
    signs = facts.get("signs")
    if not signs:
        return ""
    said = [str(_SIGN_WORDS[sign["feature"]]) % sign for sign in signs]
    return _("Two different terminals call themselves %(device_id)s: %(signs)s") % {
        "device_id": facts["device_id"],
        "signs": "; ".join(said),
    }


def door_words(kind: str, facts: Mapping[str, Any]) -> str:
    """Say what the door did where a person or picture should not pass; else empty."""
    if kind == AlertKind.BLACKLISTED:
        return _("the door stayed closed")
    if kind != AlertKind.PHOTO_SENT_BACK or "door_opened" not in facts:
        return ""
    return _("the door opened") if facts["door_opened"] else _("the door stayed closed")


def folded_words(kind: str, count: int) -> str:
    """Say how many alerts one alert of a flood stands for; empty for an alert of its own."""
    if not count:
        return ""
    if kind == AlertKind.TERMINAL_FLOOD:
        words = ngettext(
            "%(count)d new terminal; delete those you do not know, or give the site a new address",
            "%(count)d new terminals; delete those you do not know, or give the site a new address",
            count,
        )
    else:
        words = ngettext(
            "%(count)d further one, not listed", "%(count)d further ones, not listed", count
        )
    return words % {"count": count}
