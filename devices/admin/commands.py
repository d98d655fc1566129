"""What terminals were asked to do: who, when, why and what became of it; read only."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.remote_words import (
    json_words,
    outcome_words,
    requester_words,
    result_table,
    state_badge,
    values_table,
)
from devices.admin.scoped import ReadOnlyAdmin, ScopedRelatedFilter
from devices.command_kinds import KINDS
from devices.models import TerminalCommand
from devices.selectors import COMMAND_JSON, may_use_json, terminals_commandable
from devices.services import command_cancel


@admin.register(TerminalCommand)
class CommandAdmin(ReadOnlyAdmin):
    """A list to look at, and to cancel what has not been sent."""

    list_display = (
        "created_at",
        "terminal",
        "kind",
        "state_shown",
        "outcome",
        "reason",
        "requester_shown",
    )
    list_display_links = ("created_at",)
    list_filter = ("kind", "state", ("terminal", ScopedRelatedFilter))
    list_select_related = ("terminal", "terminal__site")
    search_fields = ("terminal__name", "terminal__device_id", "requester", "reason")
    date_hierarchy = "created_at"
    ordering = ("-id",)
    actions = ("cancel",)
    fields = (
        "terminal",
        "kind",
        "state_shown",
        "outcome",
        "requester_shown",
        "reason",
        "values_shown",
        "result_shown",
        "attempts",
        "created_at",
        "expires_at",
        "started_at",
        "finished_at",
    )
    readonly_fields = (*fields, "json_shown")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Leave what is long and sealed to the page of one command."""
        return super().get_queryset(request).defer(*COMMAND_JSON)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Show a JSON command's own texts in place of its values, and to superusers only."""
        kind = KINDS.get(obj.kind) if obj else None
        if kind is None or kind.seals is None:
            return self.fields
        names = tuple(name for name in self.fields if name not in {"values_shown", "result_shown"})
        return (*names, "json_shown") if may_use_json(request.user) else names

    @admin.display(description=gettext_lazy("values"))
    def values_shown(self, command: TerminalCommand) -> SafeString | str:
        """Show what it carries, by the settings' names."""
        return values_table(command)

    @admin.display(description=gettext_lazy("result"))
    def result_shown(self, command: TerminalCommand) -> SafeString | str:
        """Show what was counted."""
        return result_table(command)

    @admin.display(description=gettext_lazy("JSON"))
    def json_shown(self, command: TerminalCommand) -> SafeString:
        """Show what was sent and answered."""
        return format_html_join("", "<p>{}</p><pre>{}</pre>", json_words(command))

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_shown(self, command: TerminalCommand) -> SafeString:
        """Show where the command is in its life."""
        return state_badge(command.state)

    @admin.display(description=gettext_lazy("outcome"))
    def outcome(self, command: TerminalCommand) -> str:
        """Say what became of it."""
        return outcome_words(command)

    @admin.display(description=gettext_lazy("requested by"), ordering="requester")
    def requester_shown(self, command: TerminalCommand) -> str:
        """Say who asked."""
        return requester_words(command)

    @admin.action(description=gettext_lazy("Cancel what has not been sent"), permissions=["view"])
    def cancel(self, request: HttpRequest, queryset: QuerySet[TerminalCommand]) -> None:
        """Cancel commands that still wait and that the user could have asked for."""
        user: Any = request.user
        count = 0
        for command in queryset:
            allowed = terminals_commandable(user, kind=command.kind)
            if allowed.filter(pk=command.terminal_id).exists():
                count += command_cancel(command=command)
        self.message_user(
            request,
            ngettext("%(count)d command cancelled.", "%(count)d commands cancelled.", count)
            % {"count": count},
            messages.SUCCESS if count else messages.WARNING,
        )
