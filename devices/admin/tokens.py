"""Keys of programs: a superuser makes and ends them; a key is shown once, when it is made."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from devices.models import ApiToken
from devices.services import api_token_make, api_token_revoke
from server_common.admin import badge


class ApiTokenForm(forms.ModelForm):
    """What a key is for, whose rights it has, and what it is limited to."""

    class Meta:
        model = ApiToken
        fields = ("name", "user", "expires_at", "all_sites", "sites", "read_only")

    def clean_expires_at(self) -> Any:
        moment = self.cleaned_data["expires_at"]
        if moment is not None and moment <= timezone.now():
            raise forms.ValidationError(_("This moment is over."))
        return moment

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if given.get("all_sites") and given.get("sites"):
            self.add_error("sites", _("Choose sites, or all sites of the user, not both."))
        if not given.get("all_sites") and not given.get("sites"):
            self.add_error("sites", _("Choose at least one site."))
        return given


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """A list to look at, a page that makes one, and one action that ends them."""

    form = ApiTokenForm
    list_display = (
        *("name", "user", "state", "scope", "read_only"),
        *("created_at", "expires_at", "last_used_at"),
    )
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "expires_at", "all_sites", "sites", "read_only")
    filter_horizontal = ("sites",)
    actions = ("revoke",)

    class Media:
        css = {"all": ["console/admin.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows: QuerySet[ApiToken] = super().get_queryset(request)
        return rows.prefetch_related("sites")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Show what became of a key below what it was made of."""
        made = ("created_at", "last_used_at", "revoked_at")
        return self.fields if obj is None else (*self.fields, *made)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return bool(user.is_active and user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        given = dict(form.cleaned_data)
        sites = None if given.pop("all_sites") else list(given["sites"])
        made, key = api_token_make(**{**given, "sites": sites})
        # The rest of the page goes on with the row it was given; only the answer shows the key.
        obj.pk, obj._state.adding = made.pk, False
        request.__dict__["made_key"] = key

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001 - Django's signature
        """The sites were set when the key was made."""

    def response_add(
        self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the key in the answer itself: nowhere else is it ever kept."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("The new API token"),
            "made": obj,
            "key": request.__dict__["made_key"],
        }
        response = render(request, "devices/api_token_made.html", context)
        add_never_cache_headers(response)
        return response

    @admin.display(description=gettext_lazy("state"))
    def state(self, token: ApiToken) -> SafeString:
        """Show whether the key still opens anything."""
        if token.revoked_at is not None:
            return badge("quiet", gettext_lazy("Revoked"))
        if token.expires_at is not None and token.expires_at <= timezone.now():
            return badge("quiet", gettext_lazy("Expired"))
        return badge("good", gettext_lazy("Valid"))

    @admin.display(description=gettext_lazy("sites"))
    def scope(self, token: ApiToken) -> str:
        """Show to which sites it is limited."""
        if token.all_sites:
            return _("all sites of the user")
        return ", ".join(site.name for site in token.sites.all()) or _("none any more")

    @admin.action(description=gettext_lazy("Revoke"), permissions=["view"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """End the keys at once."""
        count = sum(api_token_revoke(token=token) for token in queryset)
        self.message_user(
            request,
            ngettext("%(count)d key was revoked.", "%(count)d keys were revoked.", count)
            % {"count": count},
            messages.SUCCESS,
        )
