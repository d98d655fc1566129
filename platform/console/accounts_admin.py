"""Users and groups, with permissions in the reader's language."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.actions import delete_selected
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    SetUnusablePasswordMixin,
    UserChangeForm,
)
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from console.models import BrowserSession
from console.sign_outs import sign_out_everywhere
from devices.models import ApiToken


class PermissionChoice(forms.ModelMultipleChoiceField):
    """Choice of permissions in words; Django stores their names in English."""

    def label_from_instance(self, obj: Any) -> str:
        model = obj.content_type.model_class()
        app = obj.content_type.app_label if model is None else model._meta.app_config.verbose_name
        return f"{_(str(app))} | {permission_words(obj)}"


def permission_words(permission: Permission) -> str:
    """Return what a permission allows, in words."""
    model = permission.content_type.model_class()
    what = permission.content_type.name if model is None else model._meta.verbose_name
    word, _blank, name = permission.codename.partition("_")
    if name == permission.content_type.model:
        words = {
            "add": _("Can add %(what)s"),
            "change": _("Can change %(what)s"),
            "delete": _("Can delete %(what)s"),
            "view": _("Can view %(what)s"),
        }
        if word in words:
            return words[word] % {"what": what}
    return _(permission.name)


class _Permissions:
    """Offers permissions in words."""

    def formfield_for_manytomany(
        self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any
    ) -> Any:
        if db_field.related_model is Permission:
            kwargs["form_class"] = PermissionChoice
            kwargs["queryset"] = Permission.objects.select_related("content_type")
        inside: Any = super()
        return inside.formfield_for_manytomany(db_field, request, **kwargs)


admin.site.unregister(User)
admin.site.unregister(Group)


class PasswordForm(AdminPasswordChangeForm):
    """A new password for a user, explained in the reader's language.

    Django joins the explanation when it starts, in English for all users.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "usable_password" in self.fields:
            self.fields["usable_password"].help_text = format_html(
                '{}<ul id="id_unusable_warning" class="messagelist">'
                '<li class="warning">{}</li></ul>',
                SetUnusablePasswordMixin.usable_password_help_text,
                _("If disabled, the current password for this user will be lost."),
            )


LAST_ADMINISTRATOR = gettext_lazy(
    "This is the last administrator. Without one nobody can manage the platform; give another user "
    "the superuser status first."
)
# They can be looked at and not deleted by themselves, and end with their user.
_END_WITH_USER = (BrowserSession, ApiToken)


def last_administrator_among(user_ids: Iterable[int]) -> bool:
    """Tell whether no administrator who can sign in is left without these users."""
    administrators = User.objects.filter(is_superuser=True, is_active=True)
    gone = administrators.filter(pk__in=list(user_ids))
    return gone.exists() and not administrators.exclude(pk__in=gone).exists()


class MenjinUserForm(UserChangeForm):
    """A user's rights; the last administrator stays one."""

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        wanted = ("is_superuser", "is_active")
        for name in wanted:
            if name in given and not given[name] and last_administrator_among([self.instance.pk]):
                self.add_error(name, LAST_ADMINISTRATOR)
        return given


@admin.register(User)
class MenjinUserAdmin(_Permissions, UserAdmin):
    """Users as Django shows them; with a user end their sessions and API tokens."""

    form = MenjinUserForm
    change_password_form = PasswordForm
    actions = ("delete_selected",)

    @admin.action(
        description=gettext_lazy("Delete selected %(verbose_name_plural)s"), permissions=["delete"]
    )
    def delete_selected(
        self, request: HttpRequest, queryset: QuerySet[User]
    ) -> HttpResponse | None:
        """Delete users after a question."""
        if last_administrator_among(queryset.values_list("pk", flat=True)):
            self.message_user(request, LAST_ADMINISTRATOR, messages.ERROR)
            return None
        asked: HttpResponse | None = delete_selected(self, request, queryset)
        return asked

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> Any:
        """Delete a user after a question, unless it is the last administrator."""
        user = self.get_object(request, unquote(object_id))
        if user is not None and last_administrator_among([user.pk]):
            self.message_user(request, LAST_ADMINISTRATOR, messages.ERROR)
            return redirect("admin:auth_user_change", object_id)
        return super().delete_view(request, object_id, extra_context)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name what is deleted along; those who may delete a user may end what is the user's."""
        found, counts, missing, protected = super().get_deleted_objects(objs, request)
        ending = {model._meta.verbose_name for model in _END_WITH_USER}
        return found, counts, {one for one in missing if one not in ending}, protected

    def delete_model(self, request: HttpRequest, obj: User) -> None:
        _delete([obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        _delete(list(queryset))


@transaction.atomic
def _delete(users: list[User]) -> None:
    """Delete users; their sessions end first, so that their live pages close."""
    # Serialises two administrators who delete each other.
    list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk"))
    if last_administrator_among([user.pk for user in users]):
        raise PermissionDenied(str(LAST_ADMINISTRATOR))
    for user in users:
        sign_out_everywhere(user.pk)
        user.delete()


@admin.register(Group)
class MenjinGroupAdmin(_Permissions, GroupAdmin):
    """Groups as Django shows them."""
