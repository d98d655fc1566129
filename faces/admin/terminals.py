"""What the pages of terminals show of people: libraries, deliveries, and sending again."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.admin.jobs import tell_jobs
from devices.admin.scoped import with_site
from devices.extensions import Fact, TerminalPage
from devices.models import Terminal
from faces.admin.words import DeliveryCounts, counts_words
from faces.models import Delivery, Library
from faces.selectors import terminal_holdings, terminal_library_ids, without_library
from faces.services import terminal_libraries_set
from faces.services.jobs import Scope, terminals_send_again_start
from faces.words import no_library_words
from server_common.admin import EMPTY, badge


@admin.display(description=gettext_lazy("faces"))
def faces(terminal: Terminal) -> SafeString | str:
    """Show how many faces are stored, on their way and refused."""
    counts: DeliveryCounts = terminal.__dict__.get("delivery_states", Counter())
    if terminal.__dict__.get("holds_no_library"):
        return format_html("{} {}", badge("warn", _("No library")), counts_words(counts))
    return counts_words(counts)


@admin.display(description=gettext_lazy("libraries"))
def library_names(terminal: Terminal) -> str:
    """Name the libraries the terminal holds."""
    names = Library.objects.filter(pk__in=terminal_library_ids(terminal))
    return ", ".join(names.values_list("name", flat=True)) or EMPTY


@admin.display(description=gettext_lazy("deliveries"))
def delivery_counts(terminal: Terminal) -> SafeString | str:
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


@admin.action(description=gettext_lazy("Send what failed again"), permissions=["change"])
def send_failed(
    page: Any, request: HttpRequest, queryset: QuerySet[Terminal]
) -> HttpResponse | None:
    """Send each terminal again what it could not store or did not confirm."""
    return _send(page, request, queryset, "failed")


@admin.action(description=gettext_lazy("Send everything again"), permissions=["change"])
def send_all(page: Any, request: HttpRequest, queryset: QuerySet[Terminal]) -> HttpResponse | None:
    """Make the next poll of each terminal a full one."""
    return _send(page, request, queryset, "all")


def _send(
    page: Any, request: HttpRequest, queryset: QuerySet[Terminal], scope: Scope
) -> HttpResponse | None:
    chosen = page.managed(request, queryset)
    jobs = terminals_send_again_start(terminals=chosen, scope=scope, by=request.user)
    return tell_jobs(request, jobs)


class PeopleOnTerminals(TerminalPage):
    """Libraries on the form, and deliveries beside it."""

    columns = (faces,)
    facts = (delivery_counts, library_names)
    actions = (send_failed, send_all)
    buttons = (("send_all", gettext_lazy("Send everything again")),)

    def form_fields(self) -> Mapping[str, forms.Field]:
        return {
            "held_libraries": forms.ModelMultipleChoiceField(
                label=gettext_lazy("Libraries"),
                queryset=Library.objects.none(),
                required=False,
                widget=forms.CheckboxSelectMultiple,
                help_text=gettext_lazy("Whose faces this terminal holds."),
            )
        }

    def form_prepare(self, form: Any) -> None:
        # A guard's page has no editable field at all.
        if "held_libraries" not in form.fields:
            return
        terminal = form.instance
        choice = form.fields["held_libraries"]
        choice.queryset = Library.objects.filter(site_id=terminal.site_id)
        form.initial["held_libraries"] = [link.library_id for link in terminal.library_links.all()]

    def form_saved(self, form: Any) -> None:
        if {"held_libraries", "all_libraries"} & set(form.changed_data):
            chosen = form.cleaned_data.get("held_libraries") or ()
            terminal_libraries_set(
                terminal=form.instance,
                library_ids=[library.pk for library in chosen],
                all_libraries=form.instance.all_libraries,
            )

    def rows(self, *, is_changed: bool) -> Mapping[str, Sequence[str | Fact]]:
        return {
            "all_libraries": ["held_libraries" if is_changed else library_names],
            "capacity_learnt_at": [delivery_counts],
        }

    def annotate(self, terminals: list[Terminal]) -> None:
        states = states_of(terminals)
        without = without_library(terminals)
        for terminal in terminals:
            terminal.__dict__["delivery_states"] = states[terminal.pk]
            terminal.__dict__["holds_no_library"] = terminal.pk in without

    def approved_words(self, terminals: list[Terminal]) -> str:
        without = without_library(terminals)
        if not without:
            return ""
        names = ", ".join(str(one) for one in terminals if one.pk in without)
        words = _("No face is sent to these yet, because they hold no library: %(names)s.")
        return words % {"names": names}

    def remote_words(self, terminals: list[Terminal]) -> SafeString | str:
        """Show how people compared last, terminal by terminal."""
        several = len({terminal.site_id for terminal in terminals}) > 1
        found = [
            (with_site(terminal) if several else terminal, holdings)
            for terminal in terminals[:50]
            if (holdings := terminal_holdings(terminal)) is not None
        ]
        return render_to_string("faces/holdings.html", {"found": found}) if found else ""


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
