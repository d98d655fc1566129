"""Who changed what: a page to look at, for managers of their own sites."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.admin.scoped import SITE_FILTER, ReadOnlyAdmin
from devices.choices import AuditAction
from devices.models import AuditEntry
from devices.selectors import audit_visible
from server_common.admin import EMPTY, Tone, badge, lines
from server_common.change_tracking import MASK

_TONES: dict[str, Tone] = {
    AuditAction.CREATED: "good",
    AuditAction.CHANGED: "info",
    AuditAction.DELETED: "bad",
    AuditAction.FAILED: "warn",
    AuditAction.DONE: "quiet",
}
_ACTORS_MAX = 100


class ActorFilter(admin.SimpleListFilter):
    """A filter by who acted, among those whose entries the user may see."""

    title = gettext_lazy("by")
    parameter_name = "actor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = audit_visible(request.user).exclude(actor="").order_by("actor")
        names = rows.values_list("actor", flat=True).distinct()[:_ACTORS_MAX]
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        name = self.value()
        return queryset if name is None else queryset.filter(actor=name)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Entries with what was and what is, in words."""

    list_display = ("at", "by", "action_badge", "name", "shown", "kind", "site_name", "address")
    list_display_links = ("at",)
    list_filter = (SITE_FILTER, "kind", ActorFilter, "action")
    search_fields = ("actor", "name")
    ordering = ("-id",)
    fields = ("at", "site_name", "by", "way", "address", "kind", "action_badge", "name", "shown")
    readonly_fields = fields
    show_full_result_count = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return what the user may see: guards nothing, managers what is about their sites."""
        return audit_visible(request.user)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return list(self.fields)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, managed=True)

    @admin.display(description=gettext_lazy("by"), ordering="actor")
    def by(self, entry: AuditEntry) -> str:
        """Name the user or command, or say that it was the platform."""
        return entry.actor or str(entry.get_way_display())

    @admin.display(description=gettext_lazy("action"), ordering="action")
    def action_badge(self, entry: AuditEntry) -> SafeString:
        """Show what was done."""
        return badge(_TONES[entry.action], AuditAction(entry.action).label)

    @admin.display(description=gettext_lazy("changes"))
    def shown(self, entry: AuditEntry) -> SafeString | str:
        """Show each column with what it was and what it is."""
        rows = [
            _line(_column(entry.model, name), name, pair) for name, pair in entry.changes.items()
        ]
        return lines(rows) if rows else EMPTY


def _column(model: str, name: str) -> Field | None:
    try:
        column = apps.get_model(model)._meta.get_field(name)
    except (LookupError, ValueError, FieldDoesNotExist):
        return None
    return column if isinstance(column, Field) else None


def _line(column: Field | None, name: str, pair: Any) -> SafeString:
    label = name if column is None else column.verbose_name
    if MASK in pair:
        return format_html("{}: {}", label, _("changed, not shown"))
    old, new = (_value(column, one) for one in pair)
    return format_html("{}: {} → {}", label, old, new)


def _value(column: Field | None, value: Any) -> str:
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value in (None, "", []):
        return EMPTY
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    choices = dict(column.flatchoices) if column is not None else {}
    return str(choices.get(value, value))
