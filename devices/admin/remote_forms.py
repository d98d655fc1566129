"""Forms of the pages from which terminals are asked for something."""

from copy import deepcopy
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from devices.choices import SettingsGroup
from devices.command_kinds import kind_choices, kinds_in_order
from devices.commands.settings import value_words
from devices.services import GROUP_CALLS
from terminal_protocol.device_fields import FieldKind, WireField


class RemoteForm(forms.Form):
    """One request; each button of the page sends its own ``kind``."""

    kind = forms.ChoiceField(choices=kind_choices)
    reason = forms.CharField(required=False, max_length=255)
    confirm = forms.CharField(required=False, max_length=500)

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        for kind in kinds_in_order():
            for name, given in kind.given.items():
                if given.page is not None:
                    self.fields[name] = deepcopy(given.page)


def _field(row: WireField, *, value: Any, many: bool) -> forms.Field:
    """Return the field for one setting; nothing chosen leaves it to the terminal."""
    # Named in ``menjin.translatable_words``, because the wire's tables know no Django.
    words = gettext(row.label)
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
