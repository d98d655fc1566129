"""Terminals as managers work with them; other apps add to the pages (``devices.extensions``)."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from devices.admin.homes import approve_address
from devices.admin.refused import refused_page
from devices.admin.remote import Remote, progress
from devices.admin.scoped import SITE_FILTER
from devices.admin.terminal_actions import TerminalActions
from devices.admin.terminal_columns import PresenceChangeList, TerminalColumns
from devices.admin.terminal_form import FIELDSETS, TerminalForm
from devices.extensions import terminal_extensions, terminal_pages
from devices.models import Terminal
from devices.selectors import may_change_calling
from devices.services import (
    addresses_new,
    calling_check,
    calling_moved,
    is_never_approved,
    terminal_erase,
    terminal_locked,
)


@admin.register(Terminal)
class TerminalAdmin(TerminalColumns, TerminalActions):
    """Terminals appear by themselves or are entered; known ones are disabled and not deleted."""

    form = TerminalForm
    fieldsets = FIELDSETS
    change_list_template = "devices/terminal_list.html"
    change_form_template = "devices/terminal_form.html"
    list_display: tuple[str, ...] = (
        "connection",
        "title",
        # What is looked for most stands where no list is moved sideways.
        "last_heard",
        "status_badge",
        "device_id",
        "site",
    )
    list_display_links = ("title", "device_id")
    list_select_related = ("site",)
    list_filter = (SITE_FILTER, "status", "presence", "clock_is_wrong", "direction")
    search_fields = ("device_id", "name", "uuid_label", "last_address")
    ordering = ("site__code", "device_id")
    members_may_delete = False
    # The terminal itself and the sweep write these while a form lies open.
    readonly_fields: ClassVar[tuple[str, ...]] = (
        "status_badge",
        "connection",
        "last_heard",
        "last_address",
        "approved_at",
        "capacity_learnt_at",
        "model",
        "app_version",
        "web_version",
        "uuid_label",
        "nation_code",
        "server_url",
        "exchanges",
        "trust",
        "own_address",
        "own_address_since",
        "addresses_seen",
        "clock",
        "odd_messages",
        "reach",
        "pushes",
    )
    write_only: ClassVar[dict[str, str]] = {
        "new_password": "",
        # It lets its reader pose as the terminal.
        "own_address": "",
    }

    def get_list_display(self, request: HttpRequest) -> Any:
        """Add the columns of other apps beside what was heard last."""
        columns = list(super().get_list_display(request))
        place = columns.index("last_heard") + 1
        added = [column for part in terminal_pages() for column in part.columns]
        return [*columns[:place], *added, *columns[place:]]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return PresenceChangeList

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        terminal = super().get_object(request, object_id, from_field)
        if terminal is not None:
            terminal.root = request.build_absolute_uri("/")
        return terminal

    def get_urls(self) -> list[Any]:
        wrap = self.admin_site.admin_view
        own = [
            path("remote/", wrap(self.remote_view), name="devices_terminal_remote"),
            path(
                "remote/settings/",
                wrap(self.remote_settings_view),
                name="devices_terminal_remote_settings",
            ),
            path(
                "remote/progress/",
                wrap(self.remote_progress_view),
                name="devices_terminal_remote_progress",
            ),
            path("refused/", wrap(self.refused_view), name="devices_terminal_refused"),
            path(
                "<path:object_id>/approve-address/",
                wrap(self.approve_address_view),
                name="devices_terminal_approve_address",
            ),
        ]
        return [*own, *super().get_urls()]

    def remote_view(self, request: HttpRequest) -> HttpResponse:
        """Ask the terminals of ``?ids=`` for something."""
        return Remote(request, self).page()

    def remote_settings_view(self, request: HttpRequest) -> HttpResponse:
        """Show and change the settings of the terminals of ``?ids=``."""
        return Remote(request, self).settings()

    def remote_progress_view(self, request: HttpRequest) -> HttpResponse:
        """Show how far a request is."""
        return progress(request, self)

    def refused_view(self, request: HttpRequest) -> HttpResponse:
        """Show calls that were refused."""
        return refused_page(request, self)

    def approve_address_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """Let the terminal live at an address it calls from."""
        return approve_address(request, self, object_id)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Show a terminal with the addresses that may be approved."""
        terminal = context.get("original")
        context["new_addresses"] = [] if terminal is None else addresses_new(terminal)
        context["added_buttons"] = [one for part in terminal_pages() for one in part.buttons]
        return super().render_change_form(request, context, *args, **kwargs)

    def remote_words(self, terminals: list[Terminal]) -> SafeString:
        """Return what other apps show on the page of remote control."""
        return format_html_join(
            "", "{}", ((part.remote_words(terminals),) for part in terminal_pages())
        )

    def get_form(
        self,
        request: HttpRequest,
        obj: Any | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> Any:
        """Give the form the fields of other apps too."""
        added = {name: one for part in terminal_pages() for name, one in part.form_fields().items()}
        kwargs["form"] = type("TerminalForm", (self.form,), added)
        return super().get_form(request, obj, change=change, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        """Keep a terminal at its site under its id: what it holds hangs on both."""
        fixed: tuple[str, ...] = () if obj is None else ("site", "device_id")
        if obj is not None and not may_change_calling(request.user, site_id=obj.site_id):
            fixed += ("api_address", "push_port")
        added = [fact for part in terminal_pages() for fact in part.facts]
        return (*fixed, *self.readonly_fields, *added)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let managers delete what was never approved: a mistyped ID, a stranger's."""
        if obj is None or not is_never_approved(obj):
            return False
        return self._may(request, obj, managed=True)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            return _with_added_rows(self.fieldsets, is_changed=True)
        if obj is not None:
            return _with_added_rows(self.readable(self.fieldsets), is_changed=False)
        # Libraries belong to the site, which is not chosen yet.
        return (
            (None, {"fields": ("site", "device_id", "name")}),
            (gettext_lazy("Door"), {"fields": ("direction", "unlock_delay_ms")}),
            (gettext_lazy("Faces"), {"fields": ("all_libraries", "capacity")}),
        )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        moved = change and self._check_calling(request, obj, form)
        if change:
            own = {field.name for field in obj._meta.concrete_fields}
            # A whole row would put presence back to when the form was opened.
            obj.save(update_fields=[name for name in form.changed_data if name in own])
        else:
            obj.save()
        if moved:
            calling_moved(obj)
        if "capacity" in form.changed_data:
            obj.capacity_learnt_at = None
            obj.save(update_fields=["capacity_learnt_at"])
        if form.cleaned_data.get("new_password"):
            obj.save(update_fields=["api_password"])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        super().save_related(request, form, formsets, change)
        for part in terminal_pages():
            part.form_saved(form)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what goes with a terminal that was never approved; its records keep it here."""
        found = (one.kept_words(terminal) for terminal in objs for one in terminal_extensions())
        protected = [words for words in found if words]
        return [str(terminal) for terminal in objs], {}, set(), protected

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        if not is_never_approved(terminal_locked(obj)) or not terminal_erase(terminal=obj):
            # Somebody approved it, or a person passed, while the question was on the screen.
            raise PermissionDenied

    def _check_calling(self, request: HttpRequest, terminal: Terminal, form: Any) -> set[str]:
        values = {
            name: form.cleaned_data[name]
            for name in ("api_address", "push_port")
            if name in form.changed_data
        }
        values["api_password"] = form.cleaned_data.get("new_password")
        return calling_check(terminal=terminal_locked(terminal), values=values, by=request.user)


def _with_added_rows(fieldsets: Any, *, is_changed: bool) -> Any:
    """Return the rows of a page with those of other apps behind their neighbours."""
    added: dict[str, list[Any]] = {}
    for part in terminal_pages():
        for name, rows in part.rows(is_changed=is_changed).items():
            added.setdefault(name, []).extend(rows)
    shown = []
    for title, options in fieldsets:
        rows = [row for name in options["fields"] for row in (name, *added.get(name, ()))]
        shown.append((title, {**options, "fields": tuple(rows)}))
    return tuple(shown)
