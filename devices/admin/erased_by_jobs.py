"""Lists whose rows are deleted by jobs, however many are chosen."""

from typing import Any

from django.contrib.admin.actions import delete_selected
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import ngettext

from devices.admin.jobs import tell_jobs
from devices.admin.scoped import ScopedAdmin
from devices.models import Job

# More names than anybody reads before they agree.
_NAMED = 100


class ErasedByJobs(ScopedAdmin):
    """Asks as Django does, and leaves the work to a job."""

    delete_selected_confirmation_template = "devices/delete_many.html"

    def erase_by_jobs(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Job]:
        """Begin to delete rows that the user manages."""
        raise NotImplementedError

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Put our own deletion in the place of Django's."""
        actions: dict[str, Any] = super().get_actions(request)
        if "delete_selected" in actions:
            _, name, description = actions["delete_selected"]
            actions["delete_selected"] = (_delete_chosen, name, description)
        return actions

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the rows only: what else goes or is told to go is the service's work."""
        # What lists fetch besides is not needed for their names.
        rows = list(objs.prefetch_related(None) if isinstance(objs, QuerySet) else objs)
        opts = self.opts
        refused = {
            str(opts.verbose_name) for row in rows if not self.has_delete_permission(request, row)
        }
        named = [str(row) for row in rows[:_NAMED]]
        if more := len(rows) - len(named):
            named.append(
                ngettext("and %(number)s more", "and %(number)s more", more) % {"number": more}
            )
        return named, {str(opts.verbose_name_plural): len(rows)}, refused, []


def _delete_chosen(admin: Any, request: HttpRequest, queryset: QuerySet[Any]) -> Any:
    """Ask whether it is meant, then begin to delete."""
    is_meant = request.POST.get("post") and request.POST.get("chosen") in {
        None,
        str(queryset.count()),
    }
    if not is_meant:
        # Not what was asked about: rows came or went meanwhile, so it is asked anew.
        return _asked(admin, request, queryset)
    chosen = admin.managed(request, queryset)
    if chosen.count() != queryset.count():
        raise PermissionDenied
    admin.log_deletions(request, chosen.prefetch_related(None))
    return tell_jobs(request, admin.erase_by_jobs(request, chosen))


def _asked(admin: Any, request: Any, queryset: QuerySet[Any]) -> Any:
    asked = request.POST.copy()
    asked.pop("post", None)
    request.POST = asked
    page: Any = delete_selected(admin, request, queryset)
    if page is None:
        return None
    is_across = asked.get("select_across", "0") == "1"
    keys = list(queryset.values_list("pk", flat=True))
    page.context_data.update(
        # One field for each of thousands of rows would be refused as too many.
        keys=keys[:1] if is_across else keys,
        is_across=is_across,
        chosen=len(keys),
    )
    return page
