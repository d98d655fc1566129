"""What is done with chosen terminals."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.jobs import tell_jobs
from devices.admin.remote import TERMINALS_MAX
from devices.admin.scoped import ScopedAdmin
from devices.admin.sites import ROTATION_OVERLAP
from devices.choices import TerminalStatus
from devices.extensions import terminal_pages
from devices.models import Terminal
from devices.services import (
    terminal_address_end,
    terminal_address_replace,
    terminals_approve_start,
    terminals_disable_start,
)


class TerminalActions(ScopedAdmin):
    """Actions of the list, which the page of one terminal offers too."""

    actions = ("approve", "approve_own", "disable", "replace_address", "end_address", "remote")

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Add the actions of other apps, behind approving and disabling."""
        own: dict[str, Any] = super().get_actions(request)
        if "disable" not in own:  # in a window to choose from, or for a guard
            return own
        added = [self.get_action(action) for part in terminal_pages() for action in part.actions]
        names = list(own)
        place = names.index("disable") + 1
        before = {name: own[name] for name in names[:place]}
        after = {name: own[name] for name in names[place:]}
        return {**before, **{one[1]: one for one in added if one is not None}, **after}

    @admin.action(description=gettext_lazy("Approve"), permissions=["change"])
    def approve(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> HttpResponse | None:
        """Let the terminals hold people and open doors."""
        chosen = self.managed(request, queryset)
        waiting = list(chosen.exclude(status=TerminalStatus.APPROVED))
        jobs = terminals_approve_start(terminals=chosen, by=request.user)
        for one in waiting:
            one.status = TerminalStatus.APPROVED  # as the worker may make it only later
        for part in terminal_pages():
            if words := part.approved_words(waiting):
                self.message_user(request, words, messages.WARNING)
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

    @admin.action(description=gettext_lazy("Remote control…"), permissions=["view"])
    def remote(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> HttpResponseRedirect:
        """Go to the page from which the selected terminals are asked for something."""
        ids = ",".join(str(pk) for pk in queryset.values_list("pk", flat=True)[:TERMINALS_MAX])
        target = reverse("admin:devices_terminal_remote")
        return HttpResponseRedirect(f"{target}?{urlencode({'ids': ids})}")

    @admin.action(
        description=gettext_lazy(
            "Replace address: one of the terminal's own (one that it has goes on for 7 days)"
        ),
        permissions=["change"],
    )
    def replace_address(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> None:
        """Give each terminal a new address of its own."""
        terminals = list(self.managed(request, queryset))
        for terminal in terminals:
            terminal_address_replace(terminal=terminal, overlap=ROTATION_OVERLAP)
        words = ngettext(
            "%(count)d terminal has a new address; type it into the terminal as its page shows.",
            "%(count)d terminals have new addresses; type each one into its terminal as its page "
            "shows.",
            len(terminals),
        )
        level = messages.SUCCESS if terminals else messages.WARNING
        self.message_user(request, words % {"count": len(terminals)}, level)

    @admin.action(
        description=gettext_lazy("Back to the site's address (their own end at once)"),
        permissions=["change"],
    )
    def end_address(self, request: HttpRequest, queryset: QuerySet[Terminal]) -> None:
        """End the terminals' own addresses."""
        terminals = list(self.managed(request, queryset))
        for terminal in terminals:
            terminal_address_end(terminal=terminal)
        words = ngettext(
            "%(count)d terminal is served under the address of its site again.",
            "%(count)d terminals are served under the address of their site again.",
            len(terminals),
        )
        level = messages.SUCCESS if terminals else messages.WARNING
        self.message_user(request, words % {"count": len(terminals)}, level)
