"""Contacts of terminals: address, password, clock, and the result of the last call."""

from dataclasses import dataclass
from functools import partial

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from devices.calling import CallTarget, NotCallable, TerminalAddress, read_terminal_address
from devices.choices import TerminalStatus
from devices.models import Terminal, TerminalContact
from devices.selectors import Reach, addresses_of_others, reach_by
from devices.services.commands.stamps import stamp_reserve
from server_common.addresses import parse_address
from server_common.async_bridge import in_callers_database
from server_common.own_services import own_services


@dataclass(frozen=True, slots=True)
class CallResult:
    """What one conversation with a terminal showed.

    Attributes:
        has_answered: it gave at least one answer.
        clock_offset_ms: by which calls are signed from now on.
        clock_measured_ms: terminal's clock minus ours, None when no answer showed it.
        failure: word of ``CallWord`` when it ended without an answer, otherwise empty.
    """

    has_answered: bool
    clock_offset_ms: int
    clock_measured_ms: int | None
    failure: str = ""


def call_target(terminal: Terminal) -> CallTarget:
    """Return what is needed to call a terminal.

    Raises:
        NotCallable: it is not approved, has no address or password, or the address is none.
    """
    address = _address_of(terminal)
    contact = TerminalContact.objects.filter(terminal=terminal).first()
    return CallTarget(
        address=address,
        password=terminal.api_password,
        networks=tuple(settings.TERMINAL_CALL_NETWORKS),
        closed=_closed(terminal, address),
        clock_offset_ms=_offset_ms(terminal, contact),
        sets_clock_ahead=True,
        reserve=partial(_reserve, terminal.pk),
    )


def _closed(terminal: Terminal, address: TerminalAddress) -> tuple[TerminalAddress, ...]:
    """Return what this terminal's address must not lead to.

    A number that another site's terminal has as well was let through when it was entered. A name
    says only now what it stands for.
    """
    services = tuple(TerminalAddress(host, port) for host, port in own_services())
    if parse_address(address.host) is not None:
        return services
    return services + tuple(addresses_of_others(site_id=terminal.site_id))


async def _reserve(terminal_id: int, wanted_ms: int, late_ms: int) -> int:
    return await in_callers_database(
        stamp_reserve, terminal_id=terminal_id, wanted_ms=wanted_ms, late_ms=late_ms
    )


def _offset_ms(terminal: Terminal, contact: TerminalContact | None) -> int:
    """Return the terminal's clock minus ours, as calls showed it or else as its uploads do."""
    if contact is not None:
        return contact.clock_offset_ms
    if terminal.clock_is_wrong and terminal.clock_skew_s is not None:
        return round(-terminal.clock_skew_s * 1000)
    return 0


def _address_of(terminal: Terminal) -> TerminalAddress:
    if terminal.status != TerminalStatus.APPROVED:
        raise NotCallable("not_approved")
    address = read_terminal_address(terminal.api_address)
    if not terminal.api_password:
        raise NotCallable("no_password")
    return address


def uncallable_word(terminal: Terminal) -> str:
    """Return why a terminal cannot be called at all, empty when it can be tried."""
    try:
        _address_of(terminal)
    except NotCallable as error:
        return error.word
    return ""


def terminal_reach(terminal: Terminal) -> Reach:
    """Say whether a terminal can be called, as far as is known."""
    contact = getattr(terminal, "contact", None)
    return reach_by(contact, word=uncallable_word(terminal))


@transaction.atomic
def contact_note(*, terminal_id: int, result: CallResult) -> None:
    """Note how calling a terminal went."""
    now = timezone.now()
    TerminalContact.objects.get_or_create(terminal_id=terminal_id)
    row = TerminalContact.objects.filter(pk=terminal_id)
    row.update(clock_offset_ms=result.clock_offset_ms)
    if result.clock_measured_ms is not None:
        row.update(clock_measured_ms=result.clock_measured_ms)
    if result.has_answered:
        row.update(answered_at=now, failure="", failures=0)
    elif result.failure:
        row.update(failed_at=now, failure=result.failure, failures=F("failures") + 1)


def contact_pushes(*, terminal_id: int, is_connected: bool) -> None:
    """Note whether a terminal's records come by push at the moment."""
    TerminalContact.objects.update_or_create(
        terminal_id=terminal_id,
        defaults={"pushes": is_connected, "pushes_changed_at": timezone.now()},
    )


def contact_pushes_none() -> None:
    """Note that no terminal's records come by push, since the subscriber begins anew."""
    TerminalContact.objects.filter(pushes=True).update(
        pushes=False, pushes_changed_at=timezone.now()
    )
