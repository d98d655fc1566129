"""Admin pages on which a member of a site sees that site and nothing else (invariant 5).

Members get their rights from ``SiteMembership`` and need no Django permissions: a manager changes
what belongs to their sites, a guard looks, a superuser does everything. Every query of a page
begins at ``get_queryset``; choices of forms and filters are restricted beside it.
"""

from typing import Any, ClassVar

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import ForeignKey, Model, QuerySet
from django.forms.models import BaseModelForm, ModelChoiceField
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from devices.models import Site
from devices.selectors import sites_managed, sites_visible, terminal_ids


def site_ids(request: HttpRequest, *, managed: bool = False) -> set[int] | None:
    """Return the sites the request's user may see or change; None means all of them.

    Asked once per request: a page asks for permissions again for each row and action.
    """
    user: Any = request.user
    if user.is_active and user.is_superuser:
        return None
    known: dict[bool, set[int]] = request.__dict__.setdefault("_menjin_site_ids", {})
    if managed not in known:
        found = sites_managed(user) if managed else sites_visible(user)
        known[managed] = set(found.values_list("pk", flat=True))
    return known[managed]


def sees_several_sites(request: HttpRequest) -> bool:
    """Tell whether rows of several sites can stand on one page for this user."""
    known: bool | None = request.__dict__.get("_menjin_several_sites")
    if known is None:
        ids = site_ids(request)
        known = Site.objects.count() > 1 if ids is None else len(ids) > 1
        request.__dict__["_menjin_several_sites"] = known
    return known


def with_site(row: Model) -> str:
    """Name a row of a site: two sites may have terminals with one ID, libraries with one name."""
    site = getattr(row, "site", None)
    return f"{site} · {row}" if isinstance(site, Site) else str(row)


class SiteNamedChoice(ModelChoiceField):
    """Rows by their site's name and their own."""

    def label_from_instance(self, obj: Model) -> str:
        return with_site(obj)


def restrict(
    queryset: QuerySet[Any], request: HttpRequest, *, path: str, managed: bool = False
) -> QuerySet[Any]:
    """Keep the rows of the user's sites; ``path`` leads from the rows to their site's id."""
    ids = site_ids(request, managed=managed)
    if ids is None:
        return queryset
    if path == "terminal__site_id":
        # By numbers, not by a join: the table may be long (``selectors.visible``).
        return queryset.filter(terminal__in=terminal_ids(site__in=ids))
    return queryset.filter(**{f"{path}__in": ids})


def scope_path(model: type[Model]) -> str | None:
    """Return the way from a model to its site's id; None when it belongs to no site."""
    if model is Site:
        return "pk"
    names = {field.name for field in model._meta.get_fields()}
    if "site" in names:
        return "site_id"
    return "terminal__site_id" if "terminal" in names else None


def site_id_of(row: Model) -> int | None:
    """Return the site a row belongs to."""
    value: Any = row
    path = scope_path(type(row))
    for step in path.split("__") if path else ():
        value = getattr(value, step)
    return value if path else None


# Where a request keeps what a service refused.
_REFUSAL = "_menjin_refusal"


def _refused(form: type[BaseModelForm], refusal: ValidationError) -> type[BaseModelForm]:
    """Return the form with a service's refusal among its errors."""

    class Refused(form):  # type: ignore[misc, valid-type]
        def full_clean(self) -> None:
            super().full_clean()
            if self.is_bound:
                self.add_error(None, refusal.messages)

    return Refused


class ScopedRelatedFilter(admin.RelatedFieldListFilter):
    """A filter by a related row that offers only rows of the user's sites."""

    def field_choices(
        self, field: Any, request: HttpRequest, model_admin: Any
    ) -> list[tuple[str, Any]]:
        """Return (id, words) of the rows the user may see."""
        path = scope_path(field.related_model)
        if path is None:
            return []
        rows = restrict(field.related_model._default_manager.all(), request, path=path)
        if path != "site_id" or not sees_several_sites(request):
            return [(str(row.pk), str(row)) for row in rows]
        return [(str(row.pk), with_site(row)) for row in rows.select_related("site")]


class ScopedAdmin(admin.ModelAdmin):
    """Base of every admin of rows that belong to a site."""

    list_per_page = 50
    # Facets count whole tables; a busy site has millions of records.
    show_facets = admin.ShowFacets.NEVER
    save_on_top = False
    # Who may do what; a subclass takes away, never adds.
    members_may_add: ClassVar[bool] = True
    members_may_change: ClassVar[bool] = True
    members_may_delete: ClassVar[bool] = True
    # Fields of the form that show nothing, and what a reader sees in their place ("": nothing).
    write_only: ClassVar[dict[str, str]] = {}

    class Media:
        css = {"all": ["console/admin.css"]}
        js = ["console/admin.js"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows of the user's sites; pages, filters and actions all start here."""
        return restrict(super().get_queryset(request), request, path=self.site_path())

    def site_path(self) -> str:
        """Return the way from this admin's rows to their site's id."""
        path = scope_path(self.model)
        if path is None:
            raise TypeError(f"{self.model.__name__} belongs to no site")
        return path

    def managed(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return those of the rows that the user may change."""
        return restrict(queryset, request, path=self.site_path(), managed=True)

    def readable(self, fieldsets: Any) -> Any:
        """Return the page's fields for a user who may only look."""
        shown = []
        for title, options in fieldsets:
            names = [self.write_only.get(name, name) for name in options["fields"]]
            kept = tuple(name for name in names if name)
            if kept:
                shown.append((title, {**options, "fields": kept}))
        return tuple(shown)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj, managed=False)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.members_may_add and self._may(request, None, managed=True)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.members_may_change and self._may(request, obj, managed=True)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.members_may_delete and self._may(request, obj, managed=True)

    def _may(self, request: HttpRequest, obj: Any, *, managed: bool) -> bool:
        user: Any = request.user
        if not (user.is_active and user.is_staff):
            return False
        ids = site_ids(request, managed=managed)
        if ids is None:
            return True
        return bool(ids) if obj is None else site_id_of(obj) in ids

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Show what a service refused on the form, with everything that was entered."""
        try:
            return self.changeform_once(request, object_id, form_url, extra_context)
        except ValidationError as refusal:
            # Rolled back by now. The same form again, which the refusal makes invalid.
            request.__dict__[_REFUSAL] = refusal
            return self.changeform_once(request, object_id, form_url, extra_context)

    def changeform_once(
        self,
        request: HttpRequest,
        object_id: str | None,
        form_url: str,
        extra_context: dict[str, Any] | None,
    ) -> Any:
        """Read, check and save the form once, in a transaction."""
        return super().changeform_view(request, object_id, form_url, extra_context)

    def get_form(
        self,
        request: HttpRequest,
        obj: Any | None = None,
        change: bool = False,  # noqa: FBT001, FBT002 - Django's signature
        **kwargs: Any,
    ) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal: ValidationError | None = request.__dict__.get(_REFUSAL)
        return form if refusal is None else _refused(form, refusal)

    def formfield_for_foreignkey(
        self, db_field: ForeignKey, request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Offer only rows of sites the user manages."""
        related = db_field.related_model
        path = scope_path(related) if isinstance(related, type) else None
        if path == "site_id" and sees_several_sites(request):
            kwargs["form_class"] = SiteNamedChoice
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and field.queryset is not None and path is not None:
            field.queryset = restrict(field.queryset, request, path=path, managed=True)
            if isinstance(field, SiteNamedChoice):
                field.queryset = field.queryset.select_related("site")
        return field

    def get_list_display(self, request: HttpRequest) -> Any:
        """Leave out the site where there is but one, and name terminals with it elsewhere."""
        columns = list(super().get_list_display(request))
        ids = site_ids(request)
        if ids is not None and len(ids) < 2:
            return [name for name in columns if name != "site"]
        if "site" not in columns and sees_several_sites(request):
            return ["terminal_of_site" if name == "terminal" else name for name in columns]
        return columns

    @admin.display(description=gettext_lazy("terminal"), ordering="terminal")
    def terminal_of_site(self, row: Any) -> str:
        """Name a row's terminal with its site, where several sites are on one list."""
        return with_site(row.terminal)

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        """Leave out what offers no choice: a manager of one site needs no filter by site."""
        filters = list(super().get_list_filter(request))
        ids = site_ids(request)
        if ids is not None and len(ids) < 2:
            filters = [one for one in filters if one != SITE_FILTER]
        return filters


SITE_FILTER = ("site", ScopedRelatedFilter)


class ReadOnlyAdmin(ScopedAdmin):
    """Rows that are only read."""

    members_may_add = False
    members_may_change = False
    members_may_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        names = [field.name for field in self.model._meta.fields]
        return [*names, *super().get_readonly_fields(request, obj)]


class SuperuserInline(admin.TabularInline):
    """Rows below another row that only a superuser sees."""

    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _is_superuser(request)


def _is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.is_superuser)
