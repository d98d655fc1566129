"""Users and groups, with permissions in the reader's language."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.forms import AdminPasswordChangeForm, SetUnusablePasswordMixin
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _


class PermissionChoice(forms.ModelMultipleChoiceField):
    """Permissions by what they let do; Django stores their names in English."""

    def label_from_instance(self, obj: Any) -> str:
        model = obj.content_type.model_class()
        app = obj.content_type.app_label if model is None else model._meta.app_config.verbose_name
        return f"{_(str(app))} | {permission_words(obj)}"


def permission_words(permission: Permission) -> str:
    """Say what a permission lets do."""
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

    Django joins the explanation when it starts, in English for everybody.
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


@admin.register(User)
class MenjinUserAdmin(_Permissions, UserAdmin):
    """Users as Django shows them."""

    change_password_form = PasswordForm


@admin.register(Group)
class MenjinGroupAdmin(_Permissions, GroupAdmin):
    """Groups as Django shows them."""
