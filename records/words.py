"""What an alert measured, in words for a manager."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

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
