"""Reads of sites and terminals; the restriction to a user's own sites is made here."""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from devices.calling import NotCallable, TerminalAddress, read_terminal_address
from devices.choices import CallWord, Role, SettingsGroup, TerminalStatus, Trust
from devices.command_kinds import KINDS
from devices.extensions import terminal_extensions
from devices.models import (
    AuditEntry,
    Job,
    Site,
    SiteToken,
    Terminal,
    TerminalCommand,
    TerminalContact,
    TerminalSettings,
)

# Nothing at all came back: typical of a terminal behind a router that lets no call in.
_UNHEARD = {CallWord.CONNECT_FAILED, CallWord.CONNECT_TIMEOUT, CallWord.NAME_UNKNOWN}


COMMAND_JSON = ("json_sent", "json_answered")
# More differences than a person reads before they agree.
CHANGES_TERMINALS = 100
REACH_STATES = ("not_callable", "never_called", "unreachable", "troubled", "reachable")


@dataclass(frozen=True, slots=True)
class Reach:
    """Whether a terminal can be called, one of ``REACH_STATES``, and why not where it is known."""

    state: str
    reason: CallWord | None = None


@dataclass(frozen=True, slots=True)
class CommandJson:
    """Content of a JSON command and ``{"desc": …, "json": …}`` of its answer; None without one."""

    sent: Any = field(repr=False)
    answered: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenScope:
    """What an API token leaves of its user's rights; ``site_ids`` None: all their sites."""

    site_ids: frozenset[int] | None
    read_only: bool


def token_scope(user: Any) -> TokenScope | None:
    """Return to what a user is limited by the API token they came with; None without one."""
    found: TokenScope | None = getattr(user, "api_token_scope", None)
    return found


def is_administrator(user: Any) -> bool:
    """Tell whether a user may do everything everywhere.

    A superuser whose API token is limited to sites may not: for them ask this, never
    ``is_superuser``.
    """
    scope = token_scope(user)
    is_limited = scope is not None and scope.site_ids is not None
    return bool(user.is_active and user.is_superuser and not is_limited)


def may_read_secrets(user: Any) -> bool:
    """Tell whether a user may be shown what lets its reader act, where they may see the rest.

    An API token that only reads may not: who reads a site's address can pose as its terminals.
    """
    scope = token_scope(user)
    return scope is None or not scope.read_only


def _within_scope(sites: QuerySet[Site], user: Any) -> QuerySet[Site]:
    scope = token_scope(user)
    if scope is None or scope.site_ids is None:
        return sites
    return sites.filter(pk__in=scope.site_ids)


def sites_visible(user: User | AnonymousUser) -> QuerySet[Site]:
    """Return the sites a user may see: all for a superuser, else those of their memberships."""
    if not user.is_authenticated or not user.is_active:
        return Site.objects.none()
    if user.is_superuser:
        return _within_scope(Site.objects.all(), user)
    return _within_scope(Site.objects.filter(memberships__user=user), user)


def demonstration_site() -> Site | None:
    """Return the site that the demonstration made, whatever it is called by now."""
    return Site.objects.filter(is_demonstration=True).first()


def sites_managed(user: User | AnonymousUser) -> QuerySet[Site]:
    """Return the sites a user may change: all for a superuser, else where they are manager."""
    if not user.is_authenticated or not user.is_active:
        return Site.objects.none()
    if user.is_superuser:
        return _within_scope(Site.objects.all(), user)
    managed = Site.objects.filter(memberships__user=user, memberships__role=Role.MANAGER)
    return _within_scope(managed, user)


def terminals_visible(user: User | AnonymousUser) -> QuerySet[Terminal]:
    """Return the terminals of the user's sites."""
    return Terminal.objects.filter(site__in=sites_visible(user)).select_related("site")


def terminals_detailed(user: User | AnonymousUser) -> QuerySet[Terminal]:
    """Return the terminals of the user's sites with everything that is shown of them at hand."""
    added = [name for extension in terminal_extensions() for name in extension.related]
    return (
        Terminal.objects.filter(site__in=sites_visible(user))
        .select_related("site", "contact")
        .prefetch_related(
            *added,
            "repairs",
            Prefetch("own_tokens", queryset=SiteToken.objects.filter(ends_at__isnull=True)),
        )
    )


def audit_visible(user: User | AnonymousUser) -> QuerySet[AuditEntry]:
    """Return what was changed at the sites a user manages; an administrator sees everything."""
    if user.is_authenticated and is_administrator(user):
        return AuditEntry.objects.all()
    return AuditEntry.objects.filter(site_id__in=sites_managed(user).values("pk"))


def jobs_visible(user: User | AnonymousUser) -> QuerySet[Job]:
    """Return the jobs on rows of the user's sites."""
    rows = Job.objects.filter(site__in=sites_visible(user))
    # What a kind works through can be long.
    return rows.select_related("site").defer("arguments", "position")


def may_change_calling(user: Any, *, site_id: int) -> bool:
    """Tell whether a user may say where the terminals of a site are called.

    It needs the right to open doors: a call can be sent on to a door by who receives it.
    """
    if not user.has_perm("devices.open_door"):
        return False
    return sites_managed(user).filter(pk=site_id).exists()


def addresses_of_others(*, site_id: int) -> set[TerminalAddress]:
    """Return where the terminals of all other sites are called, their pushes included."""
    found: set[TerminalAddress] = set()
    rows = Terminal.objects.exclude(site_id=site_id).exclude(api_address="").order_by()
    for text, push_port in rows.values_list("api_address", "push_port"):
        with contextlib.suppress(NotCallable):
            address = read_terminal_address(text).plain()
            found.add(address)
            if push_port is not None:
                found.add(TerminalAddress(address.host, push_port))
    return found


def push_terminals() -> QuerySet[Terminal]:
    """Return the terminals whose records the platform subscribes to (seed 8.3.3)."""
    return Terminal.objects.filter(status=TerminalStatus.APPROVED, push_port__isnull=False).exclude(
        api_address=""
    )


def commands_visible(user: User | AnonymousUser) -> QuerySet[TerminalCommand]:
    """Return what was asked of the terminals of the user's sites."""
    rows = TerminalCommand.objects.filter(terminal__site__in=sites_visible(user))
    # Long, sealed, and shown on the page of one command only.
    return rows.select_related("terminal", "terminal__site", "batch").defer(*COMMAND_JSON)


def may_use_json(user: Any) -> bool:
    """Tell whether a user may send JSON commands and see what they said and were answered.

    Such a command can do whatever a maker thought of, and its texts may hold anything.
    """
    return is_administrator(user)


def command_json(command: TerminalCommand) -> CommandJson | None:
    """Return what a JSON command said and was answered, for ``may_use_json``; None for others."""
    kind = KINDS.get(command.kind)
    if kind is None or kind.seals is None:
        return None
    return CommandJson(*(json.loads(getattr(command, name) or "null") for name in COMMAND_JSON))


def settings_of(terminal: Terminal) -> list[TerminalSettings]:
    """Return a terminal's groups of settings in the order of the seed, never read ones too."""
    known = {row.group: row for row in terminal.settings.all()}
    return [
        known.get(group) or TerminalSettings(terminal=terminal, group=group)
        for group in SettingsGroup.values
    ]


def settings_known(terminals: Sequence[Terminal]) -> QuerySet[TerminalSettings]:
    """Return what is wanted of terminals or was said by them, for pages about many."""
    return TerminalSettings.objects.filter(terminal__in=terminals)


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What sending would change at a terminal, by what it said last.

    Attributes:
        terminal: where.
        name: of the setting, as on the wire.
        reported: its value there; None when the terminal never said it.
        wanted: what would be sent.
    """

    terminal: Terminal
    name: str
    reported: Any
    wanted: Any


def settings_changes(
    terminals: Sequence[Terminal], *, group: str, values: Mapping[str, Any]
) -> list[SettingsChange]:
    """Return what sending these values would change, for the first hundred terminals."""
    shown = list(terminals[:CHANGES_TERMINALS])
    rows = TerminalSettings.objects.filter(terminal__in=shown, group=group)
    reported = {row.terminal_id: row.reported for row in rows}
    return [
        SettingsChange(terminal, name, held.get(name), value)
        for terminal in shown
        for held in [reported.get(terminal.pk, {})]
        for name, value in values.items()
        if held.get(name) != value
    ]


def terminals_commandable(user: Any, *, kind: str) -> QuerySet[Terminal]:
    """Return the terminals that a user may ask for this.

    Most kinds are the managers'; others have a permission of their own. A kind that this version
    does not know may be asked for by no one.
    """
    permission = KINDS[kind].permission if kind in KINDS else None
    if permission is None or not permission.allows(user):
        return Terminal.objects.none()
    if permission.reaches_visible:
        return terminals_visible(user)
    return Terminal.objects.filter(site__in=sites_managed(user)).select_related("site")


def reach_by(contact: TerminalContact | None, *, word: str) -> Reach:
    """Say whether a terminal can be called, as far as is known.

    Args:
        contact: what calling it has shown, None when it was never called.
        word: why it cannot be tried at all, empty when it can.
    """
    if word:
        return Reach("not_callable", CallWord(word))
    if contact is None or (contact.answered_at is None and not contact.failures):
        return Reach("never_called")
    if contact.failures:
        is_unheard = contact.failure in _UNHEARD
        return Reach("unreachable" if is_unheard else "troubled", CallWord(contact.failure))
    return Reach("reachable")


def site_base_url(site: Site, *, root: str = "") -> str:
    """Return what a manager types into a terminal: ``http://host/t/<token>``.

    Args:
        site: the site, ideally with ``tokens`` prefetched.
        root: scheme and host to use when ``PUBLIC_URL`` is not set.
    """
    return _base_url([one for one in site.tokens.all() if one.terminal_id is None], root)


def terminal_base_url(terminal: Terminal, *, root: str = "") -> str:
    """Return the address that is this terminal's alone; "" when it has none.

    Args:
        terminal: ideally with ``own_tokens`` prefetched.
        root: see ``site_base_url``.
    """
    return _base_url(terminal.own_tokens.all(), root)


def _base_url(tokens: Iterable[SiteToken], root: str) -> str:
    current = next((token for token in tokens if token.ends_at is None), None)
    base = settings.PUBLIC_URL or root.rstrip("/")
    return f"{base}/t/{current.token}" if current is not None else ""


def is_online(
    terminal: Terminal, last_seen_at: datetime | None, *, now: datetime | None = None
) -> bool:
    """Tell whether a terminal was heard within its site's ``offline_after_s``."""
    if last_seen_at is None:
        return False
    limit = timedelta(seconds=terminal.site.offline_after_s)
    return (now or timezone.now()) - last_seen_at <= limit


def terminal_trust(terminal: Terminal) -> Trust:
    """Return by what the platform knows that it is this terminal that calls."""
    if terminal.own_address_since is not None:
        return Trust.OWN_AND_ADDRESS if terminal.site.allowed_networks else Trust.OWN
    if terminal.site.allowed_networks:
        return Trust.TOKEN_AND_ADDRESS if terminal.used_token else Trust.ADDRESS
    return Trust.TOKEN if terminal.used_token else Trust.OPEN


def visible(queryset: QuerySet[Any], user: Any, *, path: str = "site") -> QuerySet[Any]:
    """Restrict the rows of a long table to the user's sites; ``path`` leads to the site.

    By numbers and not by a subquery: only then does the database know how few rows a small site
    has, and does not go through those of a large one to find them.
    """
    if user.is_authenticated and is_administrator(user):
        return queryset
    ids = sites_visible(user).order_by().values_list("pk", flat=True)
    return queryset.filter(**{f"{path}__in": list(ids)})


def visible_by_terminal(queryset: QuerySet[Any], user: Any) -> QuerySet[Any]:
    """Restrict the rows of a long table that knows its terminal and no site, as ``visible``."""
    if user.is_authenticated and is_administrator(user):
        return queryset
    return queryset.filter(terminal__in=terminal_ids(site__in=sites_visible(user)))


def terminal_ids(*conditions: Q, **values: Any) -> list[int]:
    """Return the ids of terminals: of a site, of a device ID, of a word in their name."""
    rows = Terminal.objects.filter(*conditions, **values).order_by()
    return list(rows.values_list("pk", flat=True))


def terminal_ids_found(user: Any, word: str) -> list[int]:
    """Return the ids of the user's terminals that have a text in their name or device ID."""
    found = Q(device_id__icontains=word) | Q(name__icontains=word)
    return terminal_ids(found, site__in=sites_visible(user))
