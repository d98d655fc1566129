"""Sites: their rules, their BaseUrl, and who works for them."""

from datetime import timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.admin.addresses import address_card
from devices.admin.scoped import ScopedAdmin, SuperuserInline
from devices.models import Site, SiteMembership, SiteToken
from devices.selectors import site_base_url
from devices.services import site_change, site_create, site_token_rotate
from server_common.admin import EMPTY

# Time for somebody to walk to every terminal and type the new address.
ROTATION_OVERLAP = timedelta(days=7)


class SiteMembershipInline(SuperuserInline):
    """Who works for the site."""

    model = SiteMembership
    autocomplete_fields = ("user",)


@admin.register(Site)
class SiteAdmin(ScopedAdmin):
    """Managers set the rules of their sites; only a superuser adds one or opens the bare path."""

    list_display = ("name", "code", "timezone", "verification", "temperature_limit_c", "terminals")
    search_fields = ("code", "name")
    ordering = ("code",)
    inlines = (SiteMembershipInline,)
    actions = ("rotate",)
    members_may_delete = False
    fieldsets = (
        (None, {"fields": ("code", "name", "timezone", "base_url", "address_tag")}),
        (
            gettext_lazy("Who may pass"),
            {
                "fields": (
                    "verification",
                    "when_unverifiable",
                    "temperature_limit_c",
                    "fever_closes_door",
                    "mask_required",
                    "late_passes",
                )
            },
        ),
        (
            gettext_lazy("Terminals"),
            {
                "fields": (
                    "auto_approve",
                    "newcomers_per_hour",
                    "offline_after_s",
                    "unconfirmed_after_s",
                    "allow_bare_path",
                    "allowed_networks",
                )
            },
        ),
    )
    # Other sites feel these: the code is in exports, the bare path is one for the whole platform.
    superuser_fields = ("code", "allow_bare_path")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Site]:
        current = SiteToken.objects.filter(ends_at__isnull=True, terminal=None)
        rows: QuerySet[Site] = super().get_queryset(request)
        return rows.prefetch_related(Prefetch("tokens", queryset=current)).annotate(
            terminal_count=Count("terminals")
        )

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        site = super().get_object(request, object_id, from_field)
        if site is not None:
            site.root = request.build_absolute_uri("/")
        return site

    def get_fieldsets(self, request: HttpRequest, obj: Site | None = None) -> Any:
        """Show the BaseUrl to those who set up terminals only: it lets its reader pose as one."""
        if obj is not None and self.has_change_permission(request, obj):
            return self.fieldsets
        general = (None, {"fields": ("code", "name", "timezone")})
        return (general, *self.fieldsets[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Site | None = None) -> tuple[str, ...]:
        if request.user.is_superuser:
            return ("base_url", "address_tag")
        return ("base_url", "address_tag", *self.superuser_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and request.user.is_superuser

    def save_model(self, request: HttpRequest, obj: Site, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        if change:
            names = [name for name in form.changed_data if name in form._meta.fields]
            site_change(site=obj, **{name: getattr(obj, name) for name in names})
            return
        created = site_create(**form.cleaned_data)
        # The rest of the page goes on with the row it was given.
        obj.pk, obj._state.adding = created.pk, False

    @admin.display(description=gettext_lazy("address for terminals (BaseUrl)"))
    def base_url(self, site: Site) -> SafeString | str:
        """Show the address with a button, and say what to do with it."""
        address = site_base_url(site, root=getattr(site, "root", ""))
        if not address:
            return EMPTY
        return address_card(
            address,
            element_id="mj-base-url",
            help_text=_(
                "On the terminal, open Settings → Platform (or Server), choose the HTTP platform "
                "and type this address as the server address (BaseUrl), exactly as it stands, "
                "without a slash at the end. The terminal then appears under “Terminals” and "
                "waits for approval. Whoever knows this address can pose as a terminal of this "
                "site."
            ),
        )

    @admin.display(description=gettext_lazy("terminals"))
    def terminals(self, site: Any) -> int:
        """Count the site's terminals."""
        return int(site.terminal_count)

    @admin.action(
        description=gettext_lazy("New address for terminals (the old one goes on for 7 days)"),
        permissions=["change"],
    )
    def rotate(self, request: HttpRequest, queryset: QuerySet[Site]) -> None:
        """Give each site a new BaseUrl."""
        sites = list(self.managed(request, queryset))
        for site in sites:
            site_token_rotate(site=site, overlap=ROTATION_OVERLAP)
        self.message_user(
            request,
            ngettext(
                "%(count)d site has a new address; type it into its terminals within 7 days.",
                "%(count)d sites have new addresses; type them into their terminals within 7 days.",
                len(sites),
            )
            % {"count": len(sites)},
            messages.SUCCESS if sites else messages.WARNING,
        )
