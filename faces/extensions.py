"""What people and libraries add to terminals."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from django.db.models import Q

from devices.choices import TerminalStatus
from devices.extensions import RestFields, TerminalExtension, TerminalWarning
from devices.models import Terminal
from faces.admin.terminals import PeopleOnTerminals
from faces.api.serializers import HeldLibrariesField, IdListField
from faces.selectors import terminal_library_ids
from faces.services import revocations_settle, terminal_libraries_set, terminal_view_changed
from faces.words import no_library_words


class LibrariesOfTerminals(TerminalExtension):
    """The libraries a terminal holds, and what it owes about their people."""

    values = ("libraries",)
    related = ("library_links", "site__libraries")
    warning_codes: Mapping[str, str] = {"no_library": "approved, but no face is sent to it."}
    page = PeopleOnTerminals()

    def before_change(self, *, fields: dict[str, Any], values: Mapping[str, Any]) -> None:
        if "libraries" in values:
            fields["all_libraries"] = bool(fields.get("all_libraries", False))

    def after_change(
        self, *, terminal: Terminal, values: Mapping[str, Any], is_scope_new: bool
    ) -> None:
        if "libraries" in values:
            terminal_libraries_set(
                terminal=terminal,
                library_ids=list(values["libraries"]),
                all_libraries=terminal.all_libraries,
            )
        elif is_scope_new:
            terminal_view_changed(terminal=terminal)

    def before_erase(self, *, terminal: Terminal) -> Callable[[], None]:
        owed = terminal.deliveries.filter(revocation__isnull=False)
        revocations = list(owed.values_list("revocation_id", flat=True))
        # A door that is gone owes nothing; it may have been the last one.
        return partial(revocations_settle, revocations)

    def unused(self) -> Q:
        return Q(library_links__isnull=True)

    def fields_shown(self) -> RestFields:
        return {"libraries": HeldLibrariesField()}

    def fields_taken(self) -> RestFields:
        return {"libraries": IdListField(required=False)}

    def warnings(self, terminal: Terminal) -> list[TerminalWarning]:
        if terminal.status != TerminalStatus.APPROVED or terminal_library_ids(terminal):
            return []
        return [] if terminal.all_libraries else [TerminalWarning("no_library", no_library_words())]
