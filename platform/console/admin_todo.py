"""Open tasks of a manager: counts on the first page of the admin, each with a link."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from console.unnamed_files import files_stopped
from devices.choices import Presence, TerminalStatus
from devices.selectors import is_administrator, terminals_visible
from devices.services import refused_calls
from faces.choices import RevocationState
from faces.selectors import deliveries_visible, revocations_visible, told_in_vain
from records.choices import AlertState
from records.selectors import alerts_visible
from server_common.admin import Tone


@dataclass(frozen=True, slots=True)
class Tile:
    """One kind of open task: how many, in words, and the link to their list."""

    count: int
    words: str
    address: str
    tone: Tone


def todo(user: Any) -> list[Tile]:
    """Return the open tasks at the user's sites; kinds without any are left out."""
    terminals = terminals_visible(user)
    offline = terminals.filter(status=TerminalStatus.APPROVED, presence=Presence.OFFLINE)
    unconfirmed = revocations_visible(user).filter(state=RevocationState.UNCONFIRMED)
    tiles = [
        Tile(
            alerts_visible(user).filter(state=AlertState.ACTIVE).count(),
            _("alerts that nobody has acknowledged"),
            _list("records_alert", state=AlertState.ACTIVE),
            "bad",
        ),
        Tile(
            deliveries_visible(user).exclude(remedy="").count(),
            _("faces that need somebody"),
            _list("faces_delivery", needs="any"),
            "bad",
        ),
        Tile(
            deliveries_visible(user).filter(told_in_vain()).count(),
            _("faces that a terminal was told again and has not confirmed"),
            _list("faces_delivery", needs="confirmation"),
            "warn",
        ),
        Tile(
            unconfirmed.count(),
            _("people whom a door has not confirmed to have forgotten"),
            _list("faces_revocation", state=RevocationState.UNCONFIRMED),
            "bad",
        ),
        Tile(
            offline.count(),
            _("terminals offline"),
            _list("devices_terminal", presence=Presence.OFFLINE, status=TerminalStatus.APPROVED),
            "warn",
        ),
        Tile(
            terminals.filter(status=TerminalStatus.PENDING).count(),
            _("terminals waiting for approval"),
            _list("devices_terminal", status=TerminalStatus.PENDING),
            "warn",
        ),
        Tile(
            len({shown.call.address for shown in refused_calls(user, lately=True)}),
            _("callers refused in the last day"),
            reverse("admin:devices_terminal_refused"),
            "warn",
        ),
    ]
    return [tile for tile in (*tiles, *_of_administrators(user)) if tile.count]


def _of_administrators(user: Any) -> list[Tile]:
    stopped = files_stopped() if is_administrator(user) else None
    if stopped is None:
        return []
    words = _("stored files that no row names: too many, so none is moved to the trash")
    return [Tile(stopped.unnamed, words, reverse("admin:console_unnamedfile_changelist"), "bad")]


def _list(model: str, **chosen: str) -> str:
    # The filter of faces by what has to be done is one of our own and has no lookup.
    query = "&".join(
        f"{name}={value}" if name == "needs" else f"{name}__exact={value}"
        for name, value in chosen.items()
    )
    return f"{reverse(f'admin:{model}_changelist')}?{query}"
