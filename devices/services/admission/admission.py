"""Admission of callers on a terminal's path.

Chapter 9 has no authentication. A site's BaseUrl carries a secret segment, a site may restrict
the addresses it is called from, and a terminal not seen before waits for approval (DESIGN,
"Admission"). Every refusal names a code of chapter 7.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from devices.choices import RefusedReason, TerminalStatus
from devices.models import Site, SiteToken, Terminal
from devices.queries import NO_MORE, CallerRow, More, caller_row, terminal_under_token
from devices.services.admission.newcomers import PENDING_MAX_PER_SITE, has_room, is_flooded
from devices.services.calls import Remembered, mark_known
from devices.services.sites import TOKEN_PURPOSE, terminal_address_used
from server_common.addresses import is_in, parse_address
from server_common.crypto import keyed_digests
from server_common.on_commit import enqueue_on_commit
from terminal_protocol.printable import is_printable

DEVICE_ID_MAX = 32


@dataclass(frozen=True, slots=True)
class Caller:
    """Under which address a terminal called, and where from.

    Attributes:
        token_id: of the ``SiteToken``; 0 for the bare path.
        address: may be empty.
    """

    token_id: int = 0
    address: str = ""


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller that was let in.

    Attributes:
        terminal: its row, with ``site`` loaded; may be pending.
        token: the secret segment it used, None on the bare path.
        address: where it called from, may be empty.
        began: when its request began; None: when it is looked at.
        token_id: number of the token it used, 0 on the bare path.
        mark: that stood before it was looked up (``remembered``).
    """

    terminal: Terminal
    token: str | None
    address: str
    began: datetime | None = None
    token_id: int = 0
    mark: str = ""

    @property
    def caller(self) -> Caller:
        """Under which address and from where it called."""
        return Caller(self.token_id, self.address)

    @property
    def is_approved(self) -> bool:
        """Whether it may hold people and open a door."""
        return self.terminal.status == TerminalStatus.APPROVED


@dataclass(frozen=True, slots=True)
class Refusal:
    """A caller that was not let in: code of chapter 7 and a sentence for debugging.

    Attributes:
        word: the reason as the page of refused calls shows it.
        site_id: whose call it would have been, None where that is not known.
    """

    code: str
    reason: str
    word: RefusedReason = RefusedReason.OTHER
    site_id: int | None = None


def _address_refused(site_id: int | None) -> Refusal:
    words = "address is not on the site's list"
    return Refusal("10004", words, RefusedReason.FOREIGN_ADDRESS, site_id)


def _anothers(site_id: int) -> Refusal:
    words = "this address belongs to another terminal"
    return Refusal("10005", words, RefusedReason.ANOTHERS_ADDRESS, site_id)


@dataclass(frozen=True, slots=True)
class KnownTerminal:
    """Of an admitted terminal, what its heartbeats need: its row, and the server it names.

    Attributes:
        mark: that stood when it was looked up (``remembered``).
    """

    terminal_id: int
    server_url: str
    mark: str


remembered: Remembered[KnownTerminal] = Remembered()


def admit_known(
    *,
    token: str,
    device_id: str,
    address: str,
    more: More = NO_MORE,
    parameters: Mapping[str, Any] | None = None,
) -> CallerRow | None:
    """Admit in the cheap form: a terminal on file, by one statement.

    Args:
        token: secret path segment.
        device_id: last path segment, decoded.
        address: caller's address as ``client_address`` gives it.
        more: what another app reads by the same statement, and
        parameters: its values.

    Returns:
        None for every caller that would have to be entered or refused, and for a terminal's first
        call under its own address; these are for ``admit``.
    """
    row = caller_row(
        digests=token_digests(token),
        device_id=device_id,
        now=timezone.now(),
        more=more,
        parameters=parameters,
    )
    if row is None or row.status == TerminalStatus.DISABLED:
        return None
    return row if is_address_allowed(row.networks, address) else None


def heartbeat_known(*, token: str | None, device_id: str, address: str) -> KnownTerminal | None:
    """Admit a heartbeat in the cheap form, from memory if the same caller was admitted lately.

    Heartbeats are most of what a fleet sends, hand nothing out and open nothing. Whether what is
    remembered still holds is seen by ``call_taken``; every other message is asked about each time.

    Returns:
        None as ``admit_known``, and on the bare path until ``heartbeat_learn`` was told.
    """
    key = (token, device_id, address)
    known = remembered.get(key)
    if known is not None or token is None:
        return known
    mark = mark_known()
    row = admit_known(token=token, device_id=device_id, address=address)
    if row is None:
        return None
    known = KnownTerminal(row.terminal_id, row.server_url, mark)
    remembered.put(key, known, mark=mark)
    return known


def heartbeat_learn(admission: Admission, *, is_changed: bool) -> None:
    """Remember a caller whose heartbeat was admitted in full.

    Args:
        admission: with the terminal as it was before.
        is_changed: the heartbeat changed what is known of it, so that it is looked up again.
    """
    terminal = admission.terminal
    key = (admission.token, terminal.device_id, admission.address)
    if is_changed:
        remembered.drop(key)
    else:
        known = KnownTerminal(terminal.pk, terminal.server_url, admission.mark)
        remembered.put(key, known, mark=admission.mark)


def admit(*, token: str | None, device_id: str, address: str) -> Admission | Refusal:
    """Admit in full: decide who is calling; a terminal not known yet is entered as pending.

    Args:
        token: secret path segment, None when the path has none.
        device_id: last path segment, decoded.
        address: caller's address as ``client_address`` gives it.
    """
    mark = mark_known()
    outcome = _outcome(token, device_id.strip(), address)
    return replace(outcome, mark=mark) if isinstance(outcome, Admission) else outcome


def _outcome(token: str | None, device_id: str, address: str) -> Admission | Refusal:
    if not device_id or len(device_id) > DEVICE_ID_MAX or not is_printable(device_id):
        words = f"device id must be 1 to {DEVICE_ID_MAX} printable characters"
        return Refusal("30001", words, RefusedReason.BAD_DEVICE_ID)
    if token is not None and (known := _known_under(token, device_id)) is not None:
        return _judged(*known, token=token, address=address)
    found = _token_of(token) if token is not None else None
    if token and found is None:
        return Refusal("10005", "unknown address token", RefusedReason.WRONG_TOKEN)
    if found is not None and found.terminal_id is not None:
        return _anothers(found.site_id)
    sites = [found.site] if found else _bare_sites(token)
    if not sites:
        return Refusal("10005", "this platform needs an address token", RefusedReason.NO_TOKEN)
    allowed = [site for site in sites if is_address_allowed(site.allowed_networks, address)]
    if not allowed:
        return _address_refused(sites[0].pk if len(sites) == 1 else None)
    # Under a token it was looked for above.
    if token is None:
        terminal = _find_or_register(allowed, device_id, address)
    else:
        terminal = _register(allowed[0], device_id, address)
    if isinstance(terminal, Refusal):
        return terminal
    return _judged(terminal, found, token=token, address=address)


def token_digests(token: str) -> list[str]:
    """Return the digests by which a site's secret segment is found, newest key first."""
    return keyed_digests(token, purpose=TOKEN_PURPOSE)


def is_address_allowed(networks: Sequence[str], address: str) -> bool:
    """Tell whether a site with these ``allowed_networks`` is called from there."""
    if not networks:
        return True
    parsed = parse_address(address)
    return parsed is not None and is_in(parsed, list(networks))


def _known_under(token: str, device_id: str) -> tuple[Terminal, SiteToken] | None:
    """Find site, token and terminal by one statement, as they are found almost always."""
    now = timezone.now()
    # The digest is keyed and looked up whole, so timing tells nothing about the token.
    for digest in token_digests(token):
        found = terminal_under_token(digest=digest, device_id=device_id, now=now)
        if found is not None:
            return found
    return None


def _judged(
    terminal: Terminal, used: SiteToken | None, *, token: str | None, address: str
) -> Admission | Refusal:
    """Decide about a terminal on file.

    Args:
        terminal: with its site.
        used: the token it called under, None on the bare path.
        token: the secret segment itself.
        address: where it called from.

    Effects: from its first call under its own address on, the site's is refused for it.
    """
    if not is_address_allowed(terminal.site.allowed_networks, address):
        return _address_refused(terminal.site_id)
    if terminal.status == TerminalStatus.DISABLED:
        words = "terminal is disabled"
        return Refusal("10005", words, RefusedReason.DISABLED, terminal.site_id)
    owner_id = used.terminal_id if used is not None else None
    if owner_id is None and terminal.own_address_since is not None:
        words = "this terminal has an address of its own"
        return Refusal("10005", words, RefusedReason.HAS_OWN_ADDRESS, terminal.site_id)
    if owner_id is not None and owner_id != terminal.pk:
        return _anothers(terminal.site_id)
    if owner_id is not None and terminal.own_address_since is None:
        terminal_address_used(terminal_id=terminal.pk)
    token_id = used.pk if used is not None else 0
    return Admission(terminal=terminal, token=token, address=address, token_id=token_id)


def _bare_sites(token: str | None) -> list[Site]:
    return [] if token is not None else list(Site.objects.filter(allow_bare_path=True))


def _token_of(token: str) -> SiteToken | None:
    return (
        SiteToken.objects.select_related("site")
        .filter(digest__in=token_digests(token))
        .filter(Q(ends_at__isnull=True) | Q(ends_at__gt=timezone.now()))
        .first()
    )


def _find_or_register(sites: list[Site], device_id: str, address: str) -> Terminal | Refusal:
    known = list(
        Terminal.objects.select_related("site").filter(site__in=sites, device_id=device_id)[:2]
    )
    if len(known) == 1:
        return known[0]
    if len(known) > 1 or len(sites) > 1:
        words = "several sites take the bare path; use the site's own address"
        return Refusal("10005", words, RefusedReason.SEVERAL_SITES)
    return _register(sites[0], device_id, address)


@transaction.atomic
def _register(site: Site, device_id: str, address: str) -> Terminal | Refusal:
    # Serialises the newcomers of a site: together they must not pass its limits.
    Site.objects.select_for_update(no_key=True).filter(pk=site.pk).order_by().values("pk").first()
    known = Terminal.objects.select_related("site").filter(site=site, device_id=device_id).first()
    if known is not None:
        # Its first two requests came at once; the other one entered it.
        return known
    is_approved = site.auto_approve and not is_flooded(site)
    if not is_approved and not has_room(site, address=address, most=PENDING_MAX_PER_SITE):
        words = "too many terminals wait for approval"
        return Refusal("10005", words, RefusedReason.TOO_MANY_WAITING, site.pk)
    try:
        with transaction.atomic():
            terminal = Terminal.objects.create(
                site=site,
                device_id=device_id,
                status=TerminalStatus.APPROVED if is_approved else TerminalStatus.PENDING,
                all_libraries=site.auto_approve,
                last_address=address if parse_address(address) else None,
                approved_at=timezone.now() if is_approved else None,
            )
            if site.auto_approve:
                # What it should hold is counted as missing from now on, polls or no polls.
                enqueue_on_commit("faces.tasks.terminal_expect", terminal_id=terminal.pk)
    except IntegrityError:
        # On SQLite nothing was locked.
        terminal = Terminal.objects.select_related("site").get(site=site, device_id=device_id)
    return terminal
