"""The admin, with the product's name, the users' own clock and the way to the live page."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.i18n import JavaScriptCatalog

from console.admin_todo import todo
from console.password_change import OwnPasswordView
from console.time_zone import user_zone
from server_common.admin_lookups import closed


class _ScriptCatalog(JavaScriptCatalog):
    """Texts of the admin's scripts: Django's, and ours of those that its catalogue lacks."""

    def get_paths(self, packages: Any) -> list[str]:
        return [*super().get_paths(packages), *map(str, settings.LOCALE_PATHS)]


class MenjinAdminSite(AdminSite):
    """Admin site of community managers."""

    site_header = _("Menjin 门禁")
    site_title = _("Menjin")
    index_title = _("Doors, people and records")
    site_url = "/"
    index_template = "console/admin_index.html"
    login_template = "console/admin_login.html"
    enable_nav_sidebar = True

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Register a page: its list is narrowed by what it offers alone, its history in words."""
        super().register(model_or_iterable, closed(admin_class), **options)
        for model_admin in self._registry.values():
            model_admin.__dict__["object_history_template"] = "console/object_history.html"

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """Show the open tasks of the user above the list of everything."""
        return super().index(request, {**(extra_context or {}), "todo": todo(request.user)})

    def i18n_javascript(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the texts of the admin's scripts in the reader's language."""
        catalog = _ScriptCatalog(packages=["django.contrib.admin"])
        catalog.setup(request)
        return catalog.get(request)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Let a user change their own password; wrong old ones count as failed sign-ins."""
        request.__dict__["current_app"] = self.name
        return OwnPasswordView.as_view(
            success_url=reverse("admin:password_change_done", current_app=self.name),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )(request)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        """Run each page in the time zone of its user's site.

        A manager enters "may pass until 18:00" and means 18:00 at the door.
        """
        checked: Callable[..., HttpResponseBase] = super().admin_view(view, cacheable)

        def zoned(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            with timezone.override(user_zone(request.user)):
                response = checked(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    # Templates are rendered late, when the zone would be gone.
                    return response.render()
                return response

        return zoned
