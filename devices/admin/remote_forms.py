"""Forms of the pages from which terminals are asked for something."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.admin.remote_words import value_words
from devices.choices import CommandKind, SettingsGroup
from devices.services import GROUP_CALLS, JSON_SENT_MAX
from terminal_protocol.device_fields import FieldKind, WireField

_FORMAT = "%Y-%m-%dT%H:%M"


class RemoteForm(forms.Form):
    """One request; each button of the page sends its own ``kind``."""

    kind = forms.ChoiceField(choices=CommandKind.choices)
    reason = forms.CharField(required=False, max_length=255)
    what = forms.ChoiceField(
        required=False, choices=[("owed", _("What is still owed")), ("all", _("Everybody"))]
    )
    since = forms.DateTimeField(required=False, input_formats=[_FORMAT])
    payload = forms.CharField(required=False, max_length=JSON_SENT_MAX)
    confirm = forms.CharField(required=False, max_length=500)

    def clean_payload(self) -> Any:
        """Read the JSON of a command; what kind of value it is, is checked with the others."""
        text: str = self.cleaned_data["payload"]
        if not text.strip():
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            # One-based and without the text itself, which may hold a password.
            words = _("This is not JSON: look at line %(line)d, character %(column)d.")
            line, column = getattr(error, "lineno", 1), getattr(error, "colno", 1)
            raise forms.ValidationError(words % {"line": line, "column": column}) from None


def _field(row: WireField, *, value: Any, many: bool) -> forms.Field:
    """Return the field for one setting; nothing chosen leaves it to the terminal."""
    # Named in ``menjin.wordlist``, because the wire's tables know no Django.
    words = gettext(row.words)
    if row.least is not None and row.most is not None and not row.choices:
        words = f"{words} ({row.least:g}–{row.most:g})"
    common: dict[str, Any] = {"label": row.name, "required": False, "help_text": words}
    if row.choices:
        leave = _("– leave as it is –") if many else _("– not our concern –")
        choices = [("", leave), *((str(one), value_words(row.name, one)) for one in row.choices)]
        return forms.ChoiceField(choices=choices, initial=value, **common)
    if row.kind == FieldKind.WHOLE:
        return forms.IntegerField(
            min_value=None if row.least is None else int(row.least),
            max_value=None if row.most is None else int(row.most),
            initial=value,
            **common,
        )
    if row.kind == FieldKind.NUMBER:
        return forms.FloatField(
            min_value=row.least, max_value=row.most, step_size=0.1, initial=value, **common
        )
    return forms.CharField(max_length=row.length_max or 255, initial=value, **common)


class SettingsForm(forms.Form):
    """The settings of one group, named as on the wire; empty fields are left to the terminal."""

    def __init__(
        self,
        data: Any = None,
        *,
        group: SettingsGroup,
        desired: dict[str, Any] | None = None,
        many: bool = False,
    ) -> None:
        super().__init__(data, prefix=str(group))
        self.group = group
        for row in GROUP_CALLS[group].table.fields:
            value = (desired or {}).get(row.name)
            self.fields[row.name] = _field(row, value=value, many=many)

    def given(self) -> dict[str, Any]:
        """Return what was filled in."""
        return {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
