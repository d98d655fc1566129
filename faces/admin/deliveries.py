"""Which face is on which terminal, and why not; who must leave, and how far that is."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from devices.admin.jobs import tell_jobs
from devices.admin.long_lists import LongListAdmin
from devices.admin.scoped import SITE_FILTER, ReadOnlyAdmin, ScopedRelatedFilter
from faces.admin.words import delivery_tone
from faces.choices import Operation, Remedy, RevocationState, delivery_label
from faces.models import Delivery, Revocation
from faces.selectors import deliveries_found, revocations_visible, told_in_vain
from faces.services.jobs import deliveries_send_again_start
from faces.words import delivery_words
from server_common.admin import EMPTY, Tone, badge

_REVOCATION_TONES: dict[str, Tone] = {
    RevocationState.OPEN: "warn",
    RevocationState.UNCONFIRMED: "bad",
    RevocationState.FORGOTTEN: "good",
    RevocationState.WITHDRAWN: "quiet",
}


def state_badge(row: Delivery) -> SafeString:
    """Return the delivery's state as a coloured word."""
    return badge(delivery_tone(row.operation, row.state), delivery_label(row.operation, row.state))


class NeedsAttention(admin.SimpleListFilter):
    """Faces that no further try will bring to a terminal, by what has to be done."""

    title = gettext_lazy("needs somebody")
    parameter_name = "needs"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        unconfirmed = ("confirmation", gettext_lazy("Told again in vain"))
        return [("any", gettext_lazy("Anybody")), *Remedy.choices, unconfirmed]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.value()
        if wanted == "any":
            return queryset.exclude(remedy="")
        if wanted == "confirmation":
            return queryset.filter(told_in_vain())
        return queryset.filter(remedy=wanted) if wanted in Remedy.values else queryset


@admin.register(Delivery)
class DeliveryAdmin(LongListAdmin):
    """The delivery matrix of all terminals of the user's sites."""

    list_display = (
        "user_id",
        "person_name",
        "terminal",
        "what",
        "state_badge",
        "reason",
        "remedy_badge",
        "changed_at",
    )
    list_select_related = ("terminal__site", "person")
    list_filter = (NeedsAttention, "state", "operation", ("terminal", ScopedRelatedFilter))
    actions = ("send_again",)
    search_fields = ("user_id", "person__name", "terminal__device_id", "terminal__name")
    sortable_by = ("user_id", "changed_at")
    fields = (
        "terminal",
        "person",
        "user_id",
        "what",
        "state_badge",
        "reason",
        "code",
        "message",
        "remedy_badge",
        "retry_at",
        "attempts",
        "unanswered",
        "held",
        "changed_at",
        "sent_at",
        "downloaded_at",
        "answered_at",
    )
    readonly_fields = ("what", "state_badge", "reason", "remedy_badge")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("terminal__site", "person")

    def found(self, request: HttpRequest, word: str) -> Q:
        return deliveries_found(request.user, word)

    @admin.display(description=gettext_lazy("person"), ordering="person__name")
    def person_name(self, row: Delivery) -> str:
        """Show the name; of an erased person there is none."""
        return row.person.name if row.person else EMPTY

    @admin.display(description=gettext_lazy("what"), ordering="operation")
    def what(self, row: Delivery) -> str:
        """Show whether the face is to be stored or deleted."""
        return str(Operation(row.operation).label)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, row: Delivery) -> SafeString:
        """Show the state in colour."""
        return state_badge(row)

    @admin.display(description=gettext_lazy("in words"))
    def reason(self, row: Delivery) -> str:
        """Say what became of it and why."""
        return delivery_words(row)

    @admin.display(description=gettext_lazy("what to do"), ordering="remedy")
    def remedy_badge(self, row: Delivery) -> SafeString | str:
        """Show what a manager has to do, if anything."""
        return badge("bad", Remedy(row.remedy).label) if row.remedy else EMPTY

    def has_send_permission(self, request: HttpRequest) -> bool:
        """Managers send again; guards only look."""
        return self._may(request, None, managed=True)

    @admin.action(description=gettext_lazy("Send again"), permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        """Tell the chosen faces again at each terminal's next poll."""
        chosen = self.managed(request, queryset)
        return tell_jobs(request, deliveries_send_again_start(deliveries=chosen, by=request.user))


@admin.register(Revocation)
class RevocationAdmin(ReadOnlyAdmin):
    """People that terminals must forget, and the time until the last door has."""

    list_display = ("user_id", "site", "state_badge", "progress", "took", "begun_at")
    list_filter = ("state", SITE_FILTER)
    search_fields = ("user_id",)
    date_hierarchy = "begun_at"
    fields = ("site", "user_id", "state_badge", "progress", "took", "begun_at", "ended_at")
    readonly_fields = ("state_badge", "progress", "took")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return revocations_visible(request.user).select_related("site")

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def state_badge(self, row: Revocation) -> SafeString:
        """Show the state in colour."""
        state = RevocationState(row.state)
        return badge(_REVOCATION_TONES[state], state.label)

    @admin.display(description=gettext_lazy("doors"))
    def progress(self, row: Any) -> str:
        """Show how many doors have forgotten, of how many."""
        return f"{row.doors - row.doors_left} / {row.doors}"

    @admin.display(description=gettext_lazy("time until the last door forgot"))
    def took(self, row: Revocation) -> str:
        """Show hours, minutes and seconds; of an open one so far."""
        seconds = round(((row.ended_at or timezone.now()) - row.begun_at).total_seconds())
        return str(timedelta(seconds=seconds))
