"""Terminals with what they hold: libraries, deliveries, and the buttons that change them."""

from collections import Counter
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.jobs import tell_jobs
from devices.admin.scoped import with_site
from devices.admin.terminals import PresenceChangeList, TerminalAdmin
from devices.choices import TerminalStatus
from devices.models import Terminal
from devices.services import (
    calling_check,
    calling_moved,
    is_never_approved,
    terminal_locked,
)
from faces.admin.words import DeliveryCounts, counts_words
from faces.models import Delivery, Library
from faces.selectors import terminal_holdings, terminal_library_ids, without_library
from faces.services import (
    terminal_erase,
    terminal_libraries_set,
)
from faces.services.jobs import (
    Scope,
    terminals_approve_start,
    terminals_disable_start,
    terminals_send_again_start,
)
from faces.words import no_library_words
from server_common.admin import EMPTY, badge


class TerminalForm(forms.ModelForm):
    """A terminal with its libraries; the password can be replaced and is never shown."""

    held_libraries = forms.ModelMultipleChoiceField(
        label=gettext_lazy("Libraries"),
        queryset=Library.objects.none(),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("Whose faces this terminal holds."),
    )
    new_password = forms.CharField(
        label=gettext_lazy("New terminal password"),
        required=False,
        max_length=64,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Empty leaves it as it is; the present one is never shown. "
            "A new address or port needs it again."
        ),
    )

    class Meta:
        model = Terminal
        fields = (
            "site",
            "device_id",
            "name",
            "direction",
            "unlock_delay_ms",
            "capacity",
            "all_libraries",
            "api_address",
            "push_port",
            "notes",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        terminal = self.instance
        # A guard's page has no editable field at all; a new terminal has no site to choose from.
        if "held_libraries" not in self.fields or terminal.pk is None:
            return
        choice: Any = self.fields["held_libraries"]
        choice.queryset = Library.objects.filter(site_id=terminal.site_id)
        self.initial["held_libraries"] = [link.library_id for link in terminal.library_links.all()]

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        if self.cleaned_data.get("new_password"):
            self.instance.api_password = self.cleaned_data["new_password"]
        return super().save(commit)


@admin.register(Terminal)
class FaceTerminalAdmin(TerminalAdmin):
    """Terminals as managers work with them."""

    form = TerminalForm
    change_form_template = "console/terminal_form.html"
    # Beside what was heard last, where no list is moved sideways.
    list_display = (*TerminalAdmin.list_display[:3], "faces", *TerminalAdmin.list_display[3:])
    actions = (
        "approve",
        "approve_own",
        "disable",
        "send_failed",
        "send_all",
        "replace_address",
        "end_address",
        "remote",
    )
    readonly_fields: ClassVar[tuple[str, ...]] = (
        *TerminalAdmin.readonly_fields,
        "capacity_learnt_at",
        "delivery_counts",
        "library_names",
    )
    write_only: ClassVar[dict[str, str]] = {
        "held_libraries": "library_names",
        "new_password": "",
        # It lets its reader pose as the terminal.
        "own_address": "",
    }
    fieldsets = (
        (
            None,
            {"fields": ("site", "device_id", "name", "status_badge", "connection", "last_heard")},
        ),
        (
            gettext_lazy("Door"),
            {"fields": ("direction", "unlock_delay_ms")},
        ),
        (
            gettext_lazy("Faces"),
            {
                "fields": (
                    "all_libraries",
                    "held_libraries",
                    "capacity",
                    "capacity_learnt_at",
                    "delivery_counts",
                )
            },
        ),
        (
            gettext_lazy("Under which address it calls"),
            {"fields": ("trust", "own_address", "own_address_since")},
        ),
        (
            gettext_lazy("Its own interface"),
            {
                "fields": ("reach", "api_address", "new_password", "push_port", "pushes"),
                "classes": ("collapse",),
            },
        ),
        (
            gettext_lazy("What it says of itself"),
            {
                "fields": (
                    "model",
                    "app_version",
                    "web_version",
                    "uuid_label",
                    "nation_code",
                    "server_url",
                    "last_address",
                    "approved_at",
                ),
                "classes": ("collapse",),
            },
        ),
        (None, {"fields": ("notes",)}),
        (
            gettext_lazy("Why does nothing arrive?"),
            {"fields": ("addresses_seen", "clock", "odd_messages", "exchanges")},
        ),
    )

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is not None and self.has_change_permission(request, obj):
            return self.fieldsets
        if obj is not None:
            return self.readable(self.fieldsets)
        # Libraries belong to the site, which is not chosen yet.
        return (
            (None, {"fields": ("site", "device_id", "name")}),
            (gettext_lazy("Door"), {"fields": ("direction", "unlock_delay_ms")}),
            (gettext_lazy("Faces"), {"fields": ("all_libraries", "capacity")}),
        )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PresenceChangeList]:
        return FaceChangeList

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        super().save_related(request, form, formsets, change)
        terminal = form.instance
        if {"held_libraries", "all_libraries"} & set(form.changed_data):
            chosen = form.cleaned_data.get("held_libraries") or ()
            terminal_libraries_set(
                terminal=terminal,
                library_ids=[library.pk for library in chosen],
                all_libraries=terminal.all_libraries,
            )

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        moved = change and self._check_calling(request, obj, form)
        super().save_model(request, obj, form, change)
        if moved:
            calling_moved(obj)
        if "capacity" in form.changed_data:
            obj.capacity_learnt_at = None
            obj.save(update_fields=["capacity_learnt_at"])
        if form.cleaned_data.get("new_password"):
            obj.save(update_fields=["api_password"])

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Say what goes with a terminal that was never approved; its records keep it here."""
        protected = [
            ngettext("%(count)d record of %(terminal)s", "%(count)d records of %(terminal)s", count)
            % {"count": count, "terminal": terminal}
            for terminal in objs
            if (count := terminal.records.count())
        ]
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

    def remote_extra(self, terminals: list[Terminal]) -> SafeString | str:
        """Show how people compared last, terminal by terminal."""
        several = len({terminal.site_id for terminal in terminals}) > 1
        found = [
            (with_site(terminal) if several else terminal, holdings)
            for terminal in terminals[:50]
            if (holdings := terminal_holdings(terminal)) is not None
        ]
        return render_to_string("faces/holdings.html", {"found": found}) if found else ""

    @admin.display(description=gettext_lazy("faces"))
    def faces(self, terminal: Terminal) -> SafeString | str:
        """Show how many faces are stored, on their way and refused."""
        counts: DeliveryCounts = terminal.__dict__.get("delivery_states", Counter())
        if terminal.__dict__.get("holds_no_library"):
            return format_html("{} {}", badge("warn", _("No library")), counts_words(counts))
        return counts_words(counts)

    @admin.display(description=gettext_lazy("libraries"))
    def library_names(self, terminal: Terminal) -> str:
        """Name the libraries the terminal holds."""
        names = Library.objects.filter(pk__in=terminal_library_ids(terminal))
        return ", ".join(names.values_list("name", flat=True)) or EMPTY

    @admin.display(description=gettext_lazy("deliveries"))
    def delivery_counts(self, terminal: Terminal) -> SafeString | str:
        """Show the counts on the terminal's page, with the way to the rows."""
        counts = states_of([terminal])[terminal.pk]
        warning: SafeString | str = ""
        if without_library([terminal]):
            warning = badge("warn", no_library_words())
        if not counts:
            return warning or EMPTY
        return format_html(
            '{} {} <a href="{}?terminal__id__exact={}">{}</a>',
            warning,
            counts_words(counts),
            reverse("admin:faces_delivery_changelist"),
            terminal.pk,
            _("show"),
        )

    @admin.action(description=gettext_lazy("Approve"), permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> HttpResponse | None:
        """Let the terminals hold people and open doors."""
        chosen = self.managed(request, queryset)
        waiting = list(chosen.exclude(status=TerminalStatus.APPROVED))
        jobs = terminals_approve_start(terminals=chosen, by=request.user)
        for one in waiting:
            one.status = TerminalStatus.APPROVED  # as the worker may make it only later
        if without := without_library(waiting):
            names = ", ".join(str(one) for one in waiting if one.pk in without)
            words = _("No face is sent to these yet, because they hold no library: %(names)s.")
            self.message_user(request, words % {"names": names}, messages.WARNING)
        return tell_jobs(request, jobs)

    @admin.action(
        description=gettext_lazy("Approve, each with an address of its own"), permissions=["change"]
    )
    def approve_own(
        self, request: HttpRequest, queryset: QuerySet[Terminal]
    ) -> HttpResponse | None:
        """Approve terminals and give each an address that is to be typed into it."""
        waiting = self.managed(request, queryset).exclude(status=TerminalStatus.APPROVED)
        ids = list(waiting.values_list("pk", flat=True))
        self.replace_address(request, Terminal.objects.filter(pk__in=ids))
        return self.approve(request, queryset)

    @admin.action(description=gettext_lazy("Disable"), permissions=["change"])
    def disable(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> HttpResponse | None:
        """Refuse the terminals from now on."""
        chosen = self.managed(request, queryset)
        return tell_jobs(request, terminals_disable_start(terminals=chosen, by=request.user))

    @admin.action(description=gettext_lazy("Send what failed again"), permissions=["change"])
    def send_failed(
        self, request: HttpRequest, queryset: QuerySet[Terminal]
    ) -> HttpResponse | None:
        """Tell each terminal again what it could not store or did not confirm."""
        return self._send(request, queryset, "failed")

    @admin.action(description=gettext_lazy("Send everything again"), permissions=["change"])
    def send_all(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> HttpResponse | None:
        """Make the next poll of each terminal a full one."""
        return self._send(request, queryset, "all")

    def _send(
        self, request: HttpRequest, queryset: QuerySet[Terminal], scope: Scope
    ) -> HttpResponse | None:
        chosen = self.managed(request, queryset)
        jobs = terminals_send_again_start(terminals=chosen, scope=scope, by=request.user)
        return tell_jobs(request, jobs)


class FaceChangeList(PresenceChangeList):
    """A page of terminals that counts their deliveries once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        states = states_of(self.result_list)
        without = without_library(self.result_list)
        for row in self.result_list:
            row.__dict__["delivery_states"] = states[row.pk]
            row.__dict__["holds_no_library"] = row.pk in without


def states_of(terminals: list[Terminal]) -> dict[int, DeliveryCounts]:
    """Count the deliveries of each terminal by what is to be done and how far it is."""
    counts: dict[int, DeliveryCounts] = {terminal.pk: Counter() for terminal in terminals}
    rows = (
        Delivery.objects.filter(terminal__in=terminals)
        .values_list("terminal_id", "operation", "state")
        .annotate(rows=Count("pk"))
        .order_by()
    )
    for terminal_id, operation, state, number in rows:
        counts[terminal_id][operation, state] += number
    return counts
