"""Keys of programs: a superuser sees that they exist and ends them; nobody sees the key."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy, ngettext

from devices.models import ApiToken
from devices.services import api_token_revoke
from server_common.admin import badge


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """A list to look at and one action; keys are made by ``manage.py api_token``."""

    list_display = ("name", "user", "state", "created_at", "revoked_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("name", "user", "created_at", "revoked_at")
    readonly_fields = fields
    actions = ("revoke",)

    class Media:
        css = {"all": ["console/admin.css"]}

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return bool(user.is_active and user.is_superuser)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("state"))
    def state(self, token: ApiToken) -> SafeString:
        """Show whether the key still opens anything."""
        if token.revoked_at is None:
            return badge("good", gettext_lazy("Valid"))
        return badge("quiet", gettext_lazy("Revoked"))

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
