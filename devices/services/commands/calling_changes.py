"""Where a terminal is called from now on: who may say so, and what is not sent there.

The platform signs what it sends with the terminal's password, so who receives a call can open the
door with it. A new address or port therefore needs the password again, in the same change, and the
right to open doors.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from devices.calling import (
    NotCallable,
    TerminalAddress,
    is_callable_address,
    read_terminal_address,
)
from devices.choices import CallWord, CommandState
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.selectors import addresses_of_others, is_administrator, may_change_calling
from server_common.own_services import own_services


def calling_changes(terminal: Terminal, values: Mapping[str, Any]) -> set[str]:
    """Return which of ``api_address`` and ``push_port`` would lead a call elsewhere.

    Another way of writing the same, or taking one away, leads nowhere.
    """
    changed = set()
    address = values.get("api_address")
    if address and _place(address) != _place(terminal.api_address):
        changed.add("api_address")
    port = values.get("push_port")
    if port and port != terminal.push_port:
        changed.add("push_port")
    return changed


def calling_check(*, terminal: Terminal, values: Mapping[str, Any], by: Any = None) -> set[str]:
    """Refuse a change of where a terminal is called; returns which columns lead elsewhere.

    Args:
        terminal: as it is stored, or a new one with its site.
        values: new values by column, ``api_password`` among them when it was given.
        by: the user who asks; None for the platform itself.

    Raises:
        PermissionDenied: the user may not open doors at the site, or does not manage it.
        ValidationError: the password was not given with it, or the address is not for this user.
            It is not said why: that another site has it is nothing they may learn.
    """
    changed = calling_changes(terminal, values)
    if not changed:
        return changed
    if by is not None and not may_change_calling(by, site_id=terminal.site_id):
        raise PermissionDenied(
            _("Where a terminal is called may be changed by managers who may open its door.")
        )
    if terminal.api_password and not values.get("api_password"):
        words = _("A new address or port needs the terminal's password again, in the same change.")
        raise ValidationError({"api_password": words})
    if by is not None and not is_administrator(by) and _is_closed(terminal, values):
        words = _("This address cannot be used here. An administrator can enter it.")
        raise ValidationError({"api_address": words})
    if by is not None and _is_never_called(values.get("api_address", terminal.api_address)):
        words = _("No terminal is called at this address: it is this machine or no host at all.")
        raise ValidationError({"api_address": words})
    return changed


def calling_moved(terminal: Terminal) -> int:
    """Drop what waits for a terminal's former address, and what calling it has shown.

    Returns how many commands were cancelled. What is under way ends at its next conversation.
    """
    waiting = TerminalCommand.objects.filter(terminal=terminal, state=CommandState.QUEUED)
    dropped = waiting.update(
        state=CommandState.CANCELLED, word=CallWord.ADDRESS_CHANGED, finished_at=timezone.now()
    )
    # Timestamps stay: one is used once for a terminal, wherever it is.
    TerminalContact.objects.filter(terminal=terminal).update(
        clock_offset_ms=0, clock_measured_ms=None, answered_at=None, failure="", failures=0
    )
    return dropped


def _place(text: str) -> TerminalAddress | str:
    with suppress(NotCallable):
        return read_terminal_address(text).plain()
    return text


def _is_never_called(address: TerminalAddress | str) -> bool:
    """Tell whether a call there would be refused, as far as that is known without asking around."""
    place = _place(address) if isinstance(address, str) else address
    if isinstance(place, str):
        return False  # no address at all, which the column's own check says
    networks, numbers = settings.TERMINAL_CALL_NETWORKS, place.numbers
    return bool(numbers) and not any(is_callable_address(one, networks=networks) for one in numbers)


def _is_closed(terminal: Terminal, values: Mapping[str, Any]) -> bool:
    """Tell whether only a superuser may have this terminal called there."""
    address = _place(values.get("api_address", terminal.api_address))
    if isinstance(address, str):
        return False  # no address at all, which the column's own check says
    if _is_never_called(address):
        return True
    places = {address}
    if port := values.get("push_port", terminal.push_port):
        places.add(TerminalAddress(address.host, port))
    services = {TerminalAddress(host, port).plain() for host, port in own_services()}
    return not places.isdisjoint(services | addresses_of_others(site_id=terminal.site_id))
