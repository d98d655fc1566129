"""Life of a terminal after it has appeared."""

import re
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices.choices import TerminalStatus
from devices.models import Terminal
from devices.queries import terminal_key_share
from devices.services.calls import admissions_forget_on_commit, caller_note
from server_common.on_commit import enqueue_on_commit

# The segment behind /t/ to its end, whatever it is written with.
_SECRET_SEGMENT = re.compile(r"(?i)(/t/)[^/?#\s]+")
_USER_AND_PASSWORD = re.compile(r"(?:(?<=://)|^)[^/?#\s@]+@")


@transaction.atomic
def terminal_approve(*, terminal: Terminal) -> Terminal:
    """Let a terminal hold people and open its door from now on.

    Effects: pictures that it sent before are decoded after commit.
    """
    locked = terminal_locked(terminal)
    locked.status = TerminalStatus.APPROVED
    locked.approved_at = locked.approved_at or timezone.now()
    locked.save(update_fields=["status", "approved_at"])
    enqueue_on_commit("records.tasks.pictures_process_waiting", terminal_id=locked.pk)
    return locked


@transaction.atomic
def terminal_disable(*, terminal: Terminal) -> Terminal:
    """Refuse a terminal from now on; what it sent before stays."""
    locked = terminal_locked(terminal)
    locked.status = TerminalStatus.DISABLED
    locked.save(update_fields=["status"])
    admissions_forget_on_commit()
    return locked


def is_never_approved(terminal: Terminal) -> bool:
    """Tell whether a terminal has never held a person nor opened a door."""
    return terminal.approved_at is None and terminal.status != TerminalStatus.APPROVED


def terminal_locked(terminal: Terminal) -> Terminal:
    """Lock a terminal's row until commit, before its site's clock.

    Rows that name the terminal do not wait for it: a change of people holds the clock while
    writing them.
    """
    return Terminal.objects.select_for_update(no_key=True).get(pk=terminal.pk)


def terminal_share(*, terminal_id: int) -> None:
    """Hold back until commit what locks a terminal's row, and nothing else that shares it."""
    terminal_key_share(terminal_id=terminal_id)


def terminal_all_libraries_set(*, terminal: Terminal, all_libraries: bool) -> None:
    """Note whether a terminal holds every library of its site; what follows is the caller's."""
    Terminal.objects.filter(pk=terminal.pk).update(all_libraries=all_libraries)
    terminal.all_libraries = all_libraries


def terminal_capacity_learn(*, terminal_id: int, capacity: int) -> bool:
    """Note how many people a terminal turned out to hold; False where that is known already.

    A figure that a manager entered stays; one that was learnt follows what the terminal says.
    """
    learnt = Q(capacity__isnull=True) | Q(capacity_learnt_at__isnull=False)
    changed = Terminal.objects.filter(learnt, pk=terminal_id).exclude(capacity=capacity)
    return changed.update(capacity=capacity, capacity_learnt_at=timezone.now()) > 0


def terminal_describe(
    *,
    terminal_id: int,
    uuid_label: str | None = None,
    nation_code: str | None = None,
    server_url: str | None = None,
) -> None:
    """Remember what a terminal says of itself in its uploads; empty values change nothing.

    Writes only when something differs, because every upload repeats the same labels. Of an address
    only what `server_url_shown` leaves is kept.
    """
    said = {
        "uuid_label": uuid_label,
        "nation_code": nation_code,
        "server_url": server_url and server_url_shown(server_url),
    }
    changes = {name: value for name, value in said.items() if value}
    if changes and Terminal.objects.filter(pk=terminal_id).exclude(**changes).update(**changes):
        caller_note(terminal_id=terminal_id, feature="label", value=uuid_label or nation_code or "")
        caller_note(
            terminal_id=terminal_id, feature="server", value=changes.get("server_url") or ""
        )


def server_url_shown(url: str) -> str:
    """Return the address that a terminal reports to (9.5) without the secret in its path."""
    return _SECRET_SEGMENT.sub(r"\1***", _USER_AND_PASSWORD.sub("***@", url))[:128]


def heartbeat_note(*, named: str, device_id: str) -> dict[str, Any]:
    """Return what is noted of a heartbeat: that it names another device ID than its address.

    As with a record, the address decides whose it is.
    """
    return {} if named in {"", device_id} else {"faults": ["device_id_differs"]}
