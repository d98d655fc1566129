"""Alerts: acknowledged by any member, cleared by a manager."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from devices.admin.jobs import tell_jobs
from devices.admin.long_lists import LongListAdmin
from devices.admin.scoped import SITE_FILTER, ScopedRelatedFilter
from records.choices import AlertKind, AlertState, Severity
from records.models import Alert
from records.selectors import alerts_found
from records.services.jobs import alerts_acknowledge_start, alerts_clear_start
from records.trace_words import trace_table
from records.words import door_words, folded_words, shared_id_words
from server_common.admin import EMPTY, Tone, badge, clock_words, late_words

SEVERITY_TONES: dict[str, Tone] = {
    Severity.INFO: "info",
    Severity.WARNING: "warn",
    Severity.CRITICAL: "bad",
}
STATE_TONES: dict[str, Tone] = {
    AlertState.ACTIVE: "bad",
    AlertState.ACKNOWLEDGED: "warn",
    AlertState.CLEARED: "quiet",
}


@admin.register(Alert)
class AlertAdmin(LongListAdmin):
    """What needs attention, newest first."""

    list_display = (
        "severity_badge",
        "kind_words",
        # What is looked for most stands where no list is moved sideways.
        "state_badge",
        "raised_at",
        "who",
        "facts_words",
        "terminal",
        "site",
        "acknowledged_by",
    )
    list_display_links = ("kind_words",)
    list_select_related = ("terminal", "site", "acknowledged_by", "cleared_by")
    list_filter = (
        SITE_FILTER,
        "state",
        "severity",
        "kind",
        ("terminal", ScopedRelatedFilter),
        "raised_at",
    )
    search_fields = ("user_name", "user_id", "terminal__device_id", "terminal__name")
    actions = ("acknowledge", "clear")
    readonly_fields = (
        *("severity_badge", "kind_words", "who", "facts_words", "facts_table", "state_badge"),
    )
    fields = (
        "severity_badge",
        "kind_words",
        "state_badge",
        "site",
        "terminal",
        "record",
        "who",
        "facts_words",
        "facts_table",
        "raised_at",
        "acknowledged_at",
        "acknowledged_by",
        "cleared_at",
        "cleared_by",
    )

    def found(self, request: HttpRequest, word: str) -> Q:
        return alerts_found(request.user, word)

    @admin.display(description=gettext_lazy("severity"), ordering="severity")
    def severity_badge(self, alert: Alert) -> SafeString:
        """Show the severity in colour."""
        severity = Severity(alert.severity)
        return badge(SEVERITY_TONES[severity], severity.label)

    @admin.display(description=gettext_lazy("kind"), ordering="kind")
    def kind_words(self, alert: Alert) -> str:
        """Show the kind in words."""
        return str(AlertKind(alert.kind).label)

    @admin.display(description=gettext_lazy("who"), ordering="user_name")
    def who(self, alert: Alert) -> str:
        """Show name and ID."""
        if alert.user_name or alert.user_id:
            return f"{alert.user_name or EMPTY} ({alert.user_id or EMPTY})"
        return EMPTY

    @admin.display(description=gettext_lazy("in words"))
    def facts_words(self, alert: Alert) -> str:
        """Say what was measured."""
        celsius = alert.facts.get("temperature_c")
        parts = [
            f"{float(celsius):.1f} °C" if celsius else "",
            clock_words(
                alert.facts.get("clock_skew_s"), is_still=alert.facts.get("stands_still", False)
            ),
            late_words(alert.facts.get("late_s")),
            alert.facts.get("address", ""),
            shared_id_words(alert.facts),
            door_words(alert.kind, alert.facts) if not alert.folded else "",
            folded_words(alert.kind, alert.folded),
        ]
        return " · ".join(part for part in parts if part) or EMPTY

    @admin.display(description=gettext_lazy("what was measured"))
    def facts_table(self, alert: Alert) -> SafeString | str:
        """Show each value by its name."""
        return trace_table(alert.facts)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, alert: Alert) -> SafeString:
        """Show the state in colour."""
        state = AlertState(alert.state)
        return badge(STATE_TONES[state], state.label)

    def has_manage_permission(self, request: HttpRequest) -> bool:
        """Tell whether the user manages any site (actions ask by this name)."""
        return self._may(request, None, managed=True)

    @admin.action(description=gettext_lazy("Acknowledge"), permissions=["view"])
    def acknowledge(self, request: HttpRequest, queryset: QuerySet[Alert]) -> HttpResponse | None:
        """Note that the user has seen the alerts; guards may."""
        return tell_jobs(request, alerts_acknowledge_start(alerts=queryset, user=_user(request)))

    @admin.action(description=gettext_lazy("Clear"), permissions=["manage"])
    def clear(self, request: HttpRequest, queryset: QuerySet[Alert]) -> HttpResponse | None:
        """Close the alerts."""
        chosen = self.managed(request, queryset)
        return tell_jobs(request, alerts_clear_start(alerts=chosen, user=_user(request)))


def _user(request: HttpRequest) -> Any:
    return request.user
