"""Refuse unknown fields, filters and filter values in REST requests.

A misspelt field that is ignored loses what it carried, and a misspelt filter shows everything.
"""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any, ClassVar

import django_filters
from django import forms
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.settings import api_settings

# An answer names this many unknown fields, and so much of each name.
_NAMED_MAX = 20
_NAME_MAX = 100
_YES_NO = {"true": True, "1": True, "false": False, "0": False}


def _unknown(given: Iterable[Any], known: Collection[str], *, what: str) -> dict[str, list[str]]:
    """Return a sentence for each name that is not known, with the one that was perhaps meant."""
    found: dict[str, list[str]] = {}
    for name in given:
        if name in known:
            continue
        short = str(name)[:_NAME_MAX]
        close = difflib.get_close_matches(short, sorted(known), n=1)
        found[short] = [f"There is no such {what}." + (f" Meant: {close[0]}?" if close else "")]
        if len(found) == _NAMED_MAX:
            break
    return found


class StrictInput(serializers.Serializer):
    """Input of which every field must exist.

    ``shown_as`` is what the same thing looks like when it is read: programs send back what they
    read, so its further fields are accepted and ignored.
    """

    shown_as: ClassVar[type[serializers.Serializer] | None] = None

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError({"": ["Give one object with named fields."]})
        unknown = self._unknown_fields(data)
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            if unknown and isinstance(error.detail, dict):
                raise ValidationError({**unknown, **error.detail}) from error
            raise
        if unknown:
            raise ValidationError(unknown)
        return value

    def _unknown_fields(self, data: Mapping[str, Any]) -> dict[str, list[str]]:
        known = {*self.fields, *(self.shown_as().fields if self.shown_as else ())}
        return _unknown(data, known, what="field")


class NoFields(StrictInput):
    """Empty input, where the address says it all."""


def no_fields(request: Request) -> None:
    """Refuse a body that says something where nothing is asked for.

    Raises:
        ValidationError: it does.
    """
    NoFields(data=request.data).is_valid(raise_exception=True)


class StrictRequests:
    """A view that refuses parameters in the address which it does not know, and repeated ones.

    Lists know those of their filters and pages; ``parameters`` are further ones.
    """

    parameters: ClassVar[tuple[str, ...]] = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        answered = hasattr(self, str(request.method).lower())
        if not answered or request.method == "OPTIONS":
            return
        known = self._known_parameters()
        if unknown := _unknown(request.query_params, known, what="filter"):
            raise ValidationError(unknown)
        many = [name for name, values in request.query_params.lists() if len(values) > 1]
        if many:
            raise ValidationError({name: ["Give this once."] for name in many})

    def _known_parameters(self) -> set[str]:
        known = {*self.parameters, str(api_settings.URL_FORMAT_OVERRIDE)}
        view: Any = self
        if getattr(view, "action", None) != "list":
            return known
        known |= set(view.paginator.parameters)
        filters = DjangoFilterBackend().get_filterset_class(view, view.queryset)
        return known | set(filters.base_filters if filters else ())


class _YesNoField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        text = super().to_python(value) or ""
        if text.lower() not in _YES_NO:
            raise forms.ValidationError("Give true or false.")
        return _YES_NO[text.lower()]


@extend_schema_field(OpenApiTypes.BOOL)
class YesNoFilter(django_filters.Filter):
    """Filter by ``true`` or ``false``; any other word is refused instead of left out."""

    field_class = _YesNoField
