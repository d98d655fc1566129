"""The form of a terminal."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from devices.extensions import terminal_pages
from devices.models import Terminal


class TerminalForm(forms.ModelForm):
    """A terminal; the password can be replaced and is never shown."""

    new_password = forms.CharField(
        label=gettext_lazy("New terminal password"),
        required=False,
        max_length=64,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=gettext_lazy(
            "Empty leaves it as it is; the present one is never shown. "
            "A new address or port needs it again."
        ),
    )

    class Meta:
        model = Terminal
        fields = (
            "site",
            "device_id",
            "name",
            "direction",
            "unlock_delay_ms",
            "capacity",
            "all_libraries",
            "api_address",
            "push_port",
            "notes",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A new terminal has no site yet, to which the rows to choose from belong.
        if self.instance.pk is not None:
            for part in terminal_pages():
                part.form_prepare(self)

    def save(self, commit: bool = True) -> Any:  # noqa: FBT001, FBT002 - Django's signature
        if self.cleaned_data.get("new_password"):
            self.instance.api_password = self.cleaned_data["new_password"]
        return super().save(commit)


FIELDSETS: tuple[tuple[Any, Any], ...] = (
    (
        None,
        {"fields": ("site", "device_id", "name", "status_badge", "connection", "last_heard")},
    ),
    (
        gettext_lazy("Door"),
        {"fields": ("direction", "unlock_delay_ms")},
    ),
    (
        gettext_lazy("Faces"),
        {
            "fields": (
                "all_libraries",
                "capacity",
                "capacity_learnt_at",
            )
        },
    ),
    (
        gettext_lazy("Under which address it calls"),
        {"fields": ("trust", "own_address", "own_address_since")},
    ),
    (
        gettext_lazy("Its own interface"),
        {
            "fields": ("reach", "api_address", "new_password", "push_port", "pushes"),
            "classes": ("collapse",),
        },
    ),
    (
        gettext_lazy("What it says of itself"),
        {
            "fields": (
                "model",
                "app_version",
                "web_version",
                "uuid_label",
                "nation_code",
                "server_url",
                "last_address",
                "approved_at",
            ),
            "classes": ("collapse",),
        },
    ),
    (None, {"fields": ("notes",)}),
    (
        gettext_lazy("Why does nothing arrive?"),
        {"fields": ("addresses_seen", "clock", "odd_messages", "exchanges")},
    ),
)
