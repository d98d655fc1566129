"""Admin pages of superusers: sessions, waits after failed sign-ins, failures, unnamed files."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from console import accounts_admin as accounts_admin
from console.models import BrowserSession, FailedSignIn, SignInLock, UnnamedFile, sessions_over
from console.sign_outs import sessions_end, sign_out_everywhere, waits_end
from server_common.addresses import place_named, place_words
from server_common.admin import badge
from server_common.sign_in_guard import TOKEN_ACCOUNT, is_account, locked_until


class SuperuserPage(admin.ModelAdmin):
    """A list to look at, with actions."""

    list_per_page = 50
    show_facets = admin.ShowFacets.NEVER
    list_display_links = None

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


def _account(stored: str | None) -> str:
    if stored == TOKEN_ACCOUNT:
        return _("API token")
    return stored if stored and is_account(stored) else _("unknown name")


@admin.register(BrowserSession)
class BrowserSessionAdmin(SuperuserPage):
    """Sessions of browsers, with actions that end them."""

    list_display = ("user", "started_at", "used_at", "watched_at")
    list_select_related = ("user",)
    search_fields = ("user__username",)
    fields = readonly_fields = list_display
    actions = ("sign_out", "sign_out_users")

    def get_queryset(self, request: HttpRequest) -> QuerySet[BrowserSession]:
        rows: QuerySet[BrowserSession] = super().get_queryset(request)
        return rows.filter(user__isnull=False).exclude(sessions_over())

    @admin.action(description=gettext_lazy("Sign out here"), permissions=["view"])
    def sign_out(self, request: HttpRequest, queryset: QuerySet[BrowserSession]) -> None:
        """End the sessions."""
        ids = list(queryset.values_list("pk", flat=True))
        self._tell(request, sessions_end(BrowserSession.objects.filter(pk__in=ids)))

    @admin.action(description=gettext_lazy("Sign these users out everywhere"), permissions=["view"])
    def sign_out_users(self, request: HttpRequest, queryset: QuerySet[BrowserSession]) -> None:
        """End every session of the users."""
        users = {user for user in queryset.values_list("user_id", flat=True) if user is not None}
        self._tell(request, sum(sign_out_everywhere(user) for user in users))

    def _tell(self, request: HttpRequest, count: int) -> None:
        words = ngettext("%(count)d session was ended.", "%(count)d sessions were ended.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS)


@admin.register(SignInLock)
class SignInLockAdmin(SuperuserPage):
    """Accounts that have to wait at an address, with an action that unlocks them."""

    # What is looked for most stands where no list is moved sideways.
    list_display = ("account", "state", "place", "failures", "last_failure")
    search_fields = ("username", "ip_address")
    ordering = ("-attempt_time",)
    fields = readonly_fields = list_display
    actions = ("unlock",)

    @admin.display(description=gettext_lazy("account"), ordering="username")
    def account(self, attempt: SignInLock) -> str:
        """Show the account; names that are none of ours are not kept."""
        return _account(attempt.username)

    @admin.display(description=gettext_lazy("IP address"), ordering="ip_address")
    def place(self, attempt: SignInLock) -> str:
        """Show where; of IPv6 it is a whole network."""
        return place_words(attempt.ip_address or "")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by part of a name or address; by a whole address what is counted with it."""
        if place := place_named(search_term):
            return queryset.filter(ip_address=place), False
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description=gettext_lazy("failures"), ordering="failures_since_start")
    def failures(self, attempt: SignInLock) -> int:
        """Count the failures in a row."""
        return int(attempt.failures_since_start)

    @admin.display(description=gettext_lazy("last failure"), ordering="attempt_time")
    def last_failure(self, attempt: SignInLock) -> Any:
        """Show when it failed last."""
        return attempt.attempt_time

    @admin.display(description=gettext_lazy("state"))
    def state(self, attempt: SignInLock) -> SafeString:
        """Show whether it has to wait."""
        if locked_until(attempt) is None:
            return badge("quiet", gettext_lazy("May try"))
        return badge("warn", gettext_lazy("Has to wait"))

    @admin.action(description=gettext_lazy("Unlock"), permissions=["view"])
    def unlock(self, request: HttpRequest, queryset: QuerySet[SignInLock]) -> None:
        """Let them sign in again."""
        count = waits_end(queryset)
        words = ngettext("%(count)d was unlocked.", "%(count)d were unlocked.", count)
        self.message_user(request, words % {"count": count}, messages.SUCCESS)


@admin.register(FailedSignIn)
class FailedSignInAdmin(SuperuserPage):
    """Failed sign-ins, newest first."""

    list_display = ("at", "account", "state", "ip_address", "path_info")
    search_fields = ("username", "ip_address")
    ordering = ("-pk",)
    fields = readonly_fields = list_display

    @admin.display(description=gettext_lazy("time"), ordering="attempt_time")
    def at(self, failure: FailedSignIn) -> Any:
        """Show when."""
        return failure.attempt_time

    @admin.display(description=gettext_lazy("account"), ordering="username")
    def account(self, failure: FailedSignIn) -> str:
        """Show the account; names that are none of ours are not kept."""
        return _account(failure.username)

    @admin.display(description=gettext_lazy("state"))
    def state(self, failure: FailedSignIn) -> SafeString | str:
        """Show whether it made the account wait."""
        return badge("warn", gettext_lazy("Has to wait")) if failure.locked_out else ""


@admin.register(UnnamedFile)
class UnnamedFileAdmin(SuperuserPage):
    """Files that the sweep will move to the trash, or has stopped at."""

    list_display = ("path", "first_seen_at", "last_seen_at")
    search_fields = ("path",)
    fields = readonly_fields = list_display
