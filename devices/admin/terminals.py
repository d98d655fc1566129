"""What every list of terminals shows; ``faces`` adds libraries and deliveries and registers it."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.addresses import address_card
from devices.admin.conversation import conversation
from devices.admin.homes import addresses_words, approve_address
from devices.admin.refused import refused_page
from devices.admin.remote import TERMINALS_MAX, Remote, progress
from devices.admin.remote_words import pushes_badge, reach_badge
from devices.admin.scoped import SITE_FILTER, ScopedAdmin
from devices.admin.sites import ROTATION_OVERLAP
from devices.choices import Presence, TerminalStatus
from devices.models import Terminal
from devices.selectors import is_online, may_change_calling, terminal_base_url, terminal_trust
from devices.services import (
    addresses_new,
    exchanges_last,
    is_never_approved,
    presence_last_seen,
    terminal_address_end,
    terminal_address_replace,
    terminal_reach,
)
from server_common.admin import EMPTY, Tone, ago_words, badge, clock_words, dot, lines
from terminal_protocol import fault_words

STATUS_TONES: dict[str, Tone] = {
    TerminalStatus.PENDING: "warn",
    TerminalStatus.APPROVED: "good",
    TerminalStatus.DISABLED: "quiet",
}


class PresenceChangeList(ChangeList):
    """A page of terminals that asks once when they were heard last."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        hear(rows)
        self.result_list = rows


def hear(rows: list[Terminal]) -> None:
    """Note on each row when the terminal was heard last, sightings not yet stored included."""
    seen = presence_last_seen(rows)
    for row in rows:
        row.__dict__["heard_at"] = seen[row.pk]


def heard_at(terminal: Terminal) -> datetime | None:
    """Return what ``hear`` noted; a row it did not pass is asked about by itself."""
    if "heard_at" not in terminal.__dict__:
        hear([terminal])
    moment: datetime | None = terminal.__dict__["heard_at"]
    return moment


def _clock(terminal: Terminal) -> str:
    return clock_words(terminal.clock_skew_s, is_still=terminal.clock_stands_still)


class TerminalAdmin(ScopedAdmin):
    """Terminals appear by themselves or are entered; known ones are disabled and not deleted."""

    change_list_template = "devices/terminal_list.html"

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
        return super().render_change_form(request, context, *args, **kwargs)

    def remote_extra(self, terminals: list[Terminal]) -> SafeString | str:
        """Return what other apps have to say on the page of remote control."""
        return ""

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

    @admin.display(description=gettext_lazy("its own interface"))
    def reach(self, terminal: Terminal) -> SafeString:
        """Say whether the platform can call the terminal."""
        return reach_badge(terminal_reach(terminal))

    @admin.display(description=gettext_lazy("pushed records"), empty_value="–")
    def pushes(self, terminal: Terminal) -> SafeString | str:
        """Say whether its records come by push."""
        return pushes_badge(terminal)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Keep a terminal at its site under its id: what it holds hangs on both."""
        fixed: tuple[str, ...] = () if obj is None else ("site", "device_id")
        if obj is not None and not may_change_calling(request.user, site_id=obj.site_id):
            fixed += ("api_address", "push_port")
        return (*fixed, *self.readonly_fields)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Let managers delete what was never approved: a mistyped ID, a stranger's."""
        if obj is None or not is_never_approved(obj):
            return False
        return self._may(request, obj, managed=True)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        if not change:
            obj.save()
            return
        own = {field.name for field in obj._meta.concrete_fields}
        # Only what was changed: a whole row would put presence back to when the form was opened.
        obj.save(update_fields=[name for name in form.changed_data if name in own])

    @admin.display(description=gettext_lazy("connection"))
    def connection(self, terminal: Terminal) -> SafeString:
        """Show a dot: online, offline or never heard."""
        moment = heard_at(terminal)
        if moment is None:
            return dot("quiet", Presence.NEVER.label)
        if is_online(terminal, moment):
            return dot("good", Presence.ONLINE.label)
        return dot("bad", Presence.OFFLINE.label)

    @admin.display(description=gettext_lazy("name"), ordering="name")
    def title(self, terminal: Terminal) -> str:
        """Show the name, or say that there is none yet."""
        return terminal.name or _("(no name yet)")

    @admin.display(description=gettext_lazy("status"), ordering="status")
    def status_badge(self, terminal: Terminal) -> SafeString:
        """Show where the terminal is in its life."""
        status = TerminalStatus(terminal.status)
        return badge(STATUS_TONES[status], status.label)

    @admin.display(description=gettext_lazy("last exchanges"))
    def exchanges(self, terminal: Terminal) -> SafeString | str:
        """Show what the terminal said lately and what came of it."""
        return conversation(exchanges_last(terminal_id=terminal.pk))

    @admin.display(description=gettext_lazy("trust"))
    def trust(self, terminal: Terminal) -> str:
        """Say by what the platform knows that it is this terminal that calls."""
        return str(terminal_trust(terminal).label)

    @admin.display(description=gettext_lazy("address of its own (BaseUrl)"))
    def own_address(self, terminal: Terminal) -> SafeString | str:
        """Show the address that is this terminal's alone, with its QR code; say what it is for."""
        address = terminal_base_url(terminal, root=getattr(terminal, "root", ""))
        if not address:
            return _(
                "None: every terminal of the site knows the address it uses. “Replace address” "
                "gives it one of its own."
            )
        return address_card(
            address,
            element_id="mj-own-address",
            help_text=_(
                "Type this address into this terminal as its server address (BaseUrl), or let it "
                "read the code. From its first call under it on, the address of the site is "
                "refused for this device ID, so that no other terminal can pose as this one."
            ),
        )

    @admin.display(description=gettext_lazy("called from"))
    def addresses_seen(self, terminal: Terminal) -> SafeString | str:
        """List the addresses the terminal has called from, the latest first."""
        return addresses_words(terminal)

    @admin.display(description=gettext_lazy("clock"))
    def clock(self, terminal: Terminal) -> SafeString | str:
        """Say whether the terminal's clock is right."""
        if not terminal.clock_is_wrong:
            return _("right, as far as its messages tell")
        return badge("bad", _clock(terminal))

    @admin.display(description=gettext_lazy("odd messages"))
    def odd_messages(self, terminal: Terminal) -> SafeString | str:
        """Count the messages that had to be repaired before they could be read."""
        rows = [
            _("%(count)d × %(what)s, last %(ago)s")
            % {
                "count": row.count,
                "what": _(fault_words(row.kind)),
                "ago": ago_words(row.last_at),
            }
            for row in terminal.repairs.all()
        ]
        return lines(rows) if rows else EMPTY

    @admin.display(description=gettext_lazy("last heard"), ordering="last_seen_at")
    def last_heard(self, terminal: Terminal) -> SafeString | str:
        """Say how long ago the terminal was heard, and when its clock is wrong."""
        heard = ago_words(heard_at(terminal))
        if not terminal.clock_is_wrong:
            return heard
        words = _("clock %(skew)s") % {"skew": _clock(terminal)}
        return format_html("{} {}", heard, badge("bad", words))
