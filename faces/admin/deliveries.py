"""Which face is on which terminal, and why not: to look at only."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from devices.admin.scoped import ReadOnlyAdmin, ScopedRelatedFilter
from faces.admin.words import STATE_TONES, delivery_words
from faces.choices import DeliveryState, Operation
from faces.models import Delivery
from server_common.admin import EMPTY, badge


def state_badge(row: Delivery) -> SafeString:
    """Return the delivery's state as a coloured word."""
    return badge(STATE_TONES[DeliveryState(row.state)], DeliveryState(row.state).label)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    """The delivery matrix of all terminals of the user's sites."""

    list_display = (
        "user_id",
        "person_name",
        "terminal",
        "what",
        "state_badge",
        "reason",
        "changed_at",
    )
    list_select_related = ("terminal", "person")
    list_filter = ("state", "operation", ("terminal", ScopedRelatedFilter))
    search_fields = ("user_id", "person__name", "terminal__device_id", "terminal__name")
    fields = (
        "terminal",
        "person",
        "user_id",
        "what",
        "state_badge",
        "reason",
        "code",
        "message",
        "attempts",
        "held",
        "changed_at",
        "sent_at",
        "downloaded_at",
        "answered_at",
    )
    readonly_fields = ("what", "state_badge", "reason")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).select_related("terminal", "person")

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
