"""What other apps add to terminals: values and rules, REST fields, parts of the admin page.

An app derives from ``TerminalExtension``, overrides what it needs, and registers one object of it
when the app is ready:

    terminal_extension_register(FacesOfTerminals())
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from rest_framework import serializers

from devices.models import Terminal

RestFields = Mapping[str, serializers.Field[Any, Any, Any, Any]]
# Of the admin: the words about one terminal, with ``admin.display``.
Fact = Callable[[Terminal], SafeString | str]
# Of the admin, with ``admin.action``: the admin, the request and the terminals that were chosen.
Action = Callable[[Any, HttpRequest, Any], Any]


@dataclass(frozen=True, slots=True)
class TerminalWarning:
    """Something that keeps a terminal from working as it is meant to.

    Attributes:
        code: one of the extension's ``warning_codes``.
        detail: in words, in the language asked for.
    """

    code: str
    detail: str


class TerminalPage:
    """What an app adds to the admin pages of terminals; everything has a default of nothing.

    Attributes:
        columns: of the list, behind when the terminal was heard last.
        facts: columns and rows of the page that are only read.
        actions: of the list, behind approving and disabling, for managers only as these.
        buttons: of the page, for managers: which action, and its words.
    """

    columns: tuple[Fact, ...] = ()
    facts: tuple[Fact, ...] = ()
    actions: tuple[Action, ...] = ()
    buttons: tuple[tuple[str, Any], ...] = ()

    def form_fields(self) -> Mapping[str, forms.Field]:
        """Return further fields of the form."""
        return {}

    def form_prepare(self, form: Any) -> None:
        """Fill the choices of a form that shows a terminal."""

    def form_saved(self, form: Any) -> None:
        """Store what was chosen in the further fields, within the transaction of the form."""

    def rows(self, *, is_changed: bool) -> Mapping[str, Sequence[str | Fact]]:
        """Return what stands behind which field of the page.

        Args:
            is_changed: the user may change the terminal; others get no fields of a form.
        """
        return {}

    def annotate(self, terminals: list[Terminal]) -> None:
        """Read what the columns show of a page of terminals, in few queries."""

    def approved_words(self, terminals: list[Terminal]) -> str:
        """Warn about terminals that are approved now; empty where nothing is amiss."""
        return ""

    def remote_words(self, terminals: list[Terminal]) -> SafeString | str:
        """Return what is shown below the forms of remote control."""
        return ""


class TerminalExtension:
    """What an app adds to terminals; everything has a default of nothing.

    Attributes:
        values: names of values that ``terminal_create`` and ``terminal_change`` take for it.
        related: what its fields read of a terminal, for ``prefetch_related``.
        warning_codes: what may be warned about, with the meaning for the REST description.
        page: its part of the admin pages.
    """

    values: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    warning_codes: Mapping[str, str] = {}
    page: TerminalPage | None = None

    # Called by services within their transaction, the terminal's row locked.

    def before_change(self, *, fields: dict[str, Any], values: Mapping[str, Any]) -> None:
        """Add what its values mean for the terminal's own fields."""

    def after_change(
        self, *, terminal: Terminal, values: Mapping[str, Any], is_scope_new: bool
    ) -> None:
        """Store its values, or follow the terminal.

        Args:
            terminal: as it is now.
            values: those of ``self.values`` that were given.
            is_scope_new: its status or ``all_libraries`` is another one than before.

        Raises:
            ValidationError: a value is not acceptable.
        """

    def before_erase(self, *, terminal: Terminal) -> Callable[[], None] | None:
        """Return what is to be done once the terminal and its rows are gone."""
        return None

    def unused(self) -> Q:
        """Return the condition under which a terminal has nothing of this app."""
        return Q()

    def is_kept(self, terminal: Terminal) -> bool:
        """Tell whether a terminal has rows that must not go with it."""
        return False

    def kept_words(self, terminal: Terminal) -> str:
        """Name the rows that must not go with a terminal; empty without any."""
        return ""

    # Called by the REST interface.

    def fields_shown(self) -> RestFields:
        """Return further fields that are shown, behind ``site``."""
        return {}

    def fields_taken(self) -> RestFields:
        """Return further fields that are taken, behind ``site``; ``values`` names them too."""
        return {}

    def warnings(self, terminal: Terminal) -> list[TerminalWarning]:
        """Return what keeps a terminal from working as it is meant to."""
        return []


_extensions: list[TerminalExtension] = []


def terminal_extension_register(extension: TerminalExtension) -> None:
    """Add an app's part; the order of the apps is the order on pages."""
    _extensions.append(extension)


def terminal_extensions() -> tuple[TerminalExtension, ...]:
    """Return the parts of all apps."""
    return tuple(_extensions)


def terminal_pages() -> list[TerminalPage]:
    """Return the parts of the admin pages."""
    return [one.page for one in _extensions if one.page is not None]


def values_of(extension: TerminalExtension, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the given values that are an extension's."""
    names = (name for name in extension.values if fields.get(name) is not None)
    return {name: fields[name] for name in names}
