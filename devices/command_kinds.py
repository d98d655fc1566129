"""What a kind of command says of itself, and the register of all kinds.

A module describes its kind and registers it in one line; the pages, the REST interface, the queue
and the workers read the rest from here. This module knows no model and no service, since both
read it.

    RING_BELL = register(Kind("ring_bell", _("Ring the bell"), work=ring, expires=SOON))
"""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from devices.choices import CommandKind, CommandState

if TYPE_CHECKING:
    from django import forms
    from django_stubs_ext import StrOrPromise
    from rest_framework import serializers

DEVICES_TASK: Final = "devices.tasks.command_run"
SOON: Final = timedelta(minutes=10)
TODAY: Final = timedelta(hours=2)
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command; ``result`` holds counts and words only.

    ``json_answered`` is what a terminal said to a JSON command, for the sealed column.
    """

    state: CommandState = CommandState.DONE
    word: str = ""
    code: str = ""
    result: dict[str, Any] = field(default_factory=dict)
    json_answered: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Permission:
    """Who may ask for a kind.

    Attributes:
        allows: tells whether a user may ask for it anywhere.
        refusal: what a program is answered that may not.
        reaches_visible: at all terminals the user sees, else at those of the sites they manage.
    """

    allows: Callable[[Any], bool]
    refusal: str = ""
    reaches_visible: bool = False


def _everyone(_user: Any) -> bool:
    return True


MANAGERS: Final = Permission(_everyone)


@dataclass(frozen=True, slots=True)
class Given:
    """One value that is asked for with a command.

    Attributes:
        api: its field in REST requests.
        page: its field in the page's form; None where a page of its own asks for it.
    """

    api: serializers.Field[Any, Any, Any, Any]
    page: forms.Field | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """A form on the page of a terminal, of one kind or shared by several.

    Attributes:
        template: without one the card is made of the kind's words and values.
        place: cards with a smaller one come first.
    """

    template: str = "devices/commands/_plain.html"
    place: int = 100


def _nothing(_given: Values) -> dict[str, Any]:
    return {}


def _no_rows(_payload: Values) -> list[tuple[str, Any]]:
    return []


def _no_words(_payload: Values) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of command: its words, its form, who may ask, and how it is carried out.

    Attributes:
        name: as stored and as programs say it, at most 20 characters.
        words: what it is called on pages.
        work: carries it out with a ``CallSession``; None means that it is to be queued to go on.
        expires: dropped unless sent within this time.
        task: the Celery task that runs it, of the app in which the work lies.
        permission: who may ask for it.
        is_urgent: goes to a worker at once and past whatever long work talks to the terminal.
        may_repeat: done twice it is the same as once, so it is taken up again when a worker died.
        asks_twice: even for one terminal.
        asks_twice_for_many: when more than one terminal is meant.
        needs_reason: a request must say why.
        card: where it stands on the page; None for a card of its own without a template.
        given: the values that it takes, by name.
        check: returns what the command carries, out of what was given; raises ValidationError.
        seals: takes out of the payload what is stored sealed, and returns it as text.
        on_request: done for each terminal within the transaction of the request: with the
            terminal, the payload, and the requester's name.
        changes: says what it would change at which terminals, for the question whether it is meant.
        warns: says what to mind, for the same question.
        shows: says in words what a payload carries, as rows of name and value.
        counts: the numbers of its result, by name, in words.
        counts_if_any: those that are shown only when they are not 0.
    """

    name: str
    words: StrOrPromise
    work: Callable[[Any], CommandResult | None]
    expires: timedelta
    task: str = DEVICES_TASK
    permission: Permission = MANAGERS
    is_urgent: bool = False
    may_repeat: bool = True
    asks_twice: bool = False
    asks_twice_for_many: bool = False
    needs_reason: bool = False
    card: Card | None = None
    given: Mapping[str, Given] = field(default_factory=dict)
    check: Callable[[Values], dict[str, Any]] = _nothing
    seals: Callable[[dict[str, Any]], str] | None = None
    on_request: Callable[[Any, Values, str], object] | None = None
    changes: Callable[[Sequence[Any], Values], Sequence[Any]] | None = None
    warns: Callable[[Values], str] = _no_words
    shows: Callable[[Values], list[tuple[str, Any]]] = _no_rows
    counts: Mapping[str, StrOrPromise] = field(default_factory=dict)
    counts_if_any: frozenset[str] = frozenset()


KINDS: Final[dict[str, Kind]] = {}


# What every request has, besides what its kind takes.
_COMMON: Final = {"kind", "reason", "confirm", "devices"}


def register(kind: Kind) -> Kind:
    """Make a kind known and return it.

    Raises:
        ValueError: its name, or that of a value it takes, means something else already.
    """
    taken = {name: given for other in KINDS.values() for name, given in other.given.items()}
    for name, given in kind.given.items():
        if name in _COMMON or taken.get(name, given) is not given:
            raise ValueError(f"{kind.name} takes a value called {name}, which means another")
    if KINDS.setdefault(kind.name, kind) is not kind:
        raise ValueError(f"there are two kinds of commands called {kind.name}")
    return kind


def kinds_load(package: str) -> None:
    """Import every module of a package, so that each registers its kind."""
    for found in pkgutil.iter_modules(import_module(package).__path__):
        import_module(f"{package}.{found.name}")


def kinds_in_order() -> list[Kind]:
    """Return all kinds: those the platform ships in their order, then others as registered."""
    shipped = [str(name) for name in CommandKind]
    order = {name: place for place, name in enumerate(shipped)}
    return sorted(KINDS.values(), key=lambda kind: order.get(kind.name, len(shipped)))


def kind_choices() -> list[tuple[str, StrOrPromise]]:
    """Return the kinds as choices; the column reads them when it is asked, not when it is made."""
    return [(kind.name, kind.words) for kind in kinds_in_order()]


def kind_words(name: str) -> str:
    """Return what a kind is called; the name itself for one that this version does not know."""
    return str(KINDS[name].words) if name in KINDS else name


def urgent_kinds() -> list[str]:
    """Return the names of the kinds that go to a worker at once."""
    return [kind.name for kind in KINDS.values() if kind.is_urgent]


def asks_twice(name: str, *, terminals: int) -> bool:
    """Tell whether this must be confirmed before it is queued."""
    kind = KINDS[name]
    return kind.asks_twice or (kind.asks_twice_for_many and terminals > 1)


def command_payload(*, kind: str, given: Values) -> dict[str, Any]:
    """Return what a command of this kind carries, out of what was given.

    Args:
        kind: its name.
        given: the values of all kinds; what this one does not use is left out.

    Raises:
        ValidationError: by the name of what is missing or wrong.
    """
    return KINDS[kind].check(given)
