"""Fields of the REST interface that take more than one notation."""

import json
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from faces.choices import Category

_CATEGORY_WORDS = {
    "employee": Category.EMPLOYEE,
    "visitor": Category.VISITOR,
    "blacklist": Category.BLACKLIST,
}


# What can be said of a person's photo.
FACE_STATUSES = ("none", "ok", "refused")


@extend_schema_field(serializers.ListSerializer(child=serializers.IntegerField()))
class IdListField(serializers.Field):
    """Ids as a JSON list, as repeated form keys, as JSON in a form field, or with commas."""

    default_error_messages = {"invalid": "Give a list of ids."}

    def get_value(self, dictionary: Any) -> Any:
        if hasattr(dictionary, "getlist"):
            if self.field_name not in dictionary:
                return super().get_value(dictionary)
            given = dictionary.getlist(self.field_name)
            return given[0] if len(given) == 1 else given
        return super().get_value(dictionary)

    def to_internal_value(self, data: Any) -> list[int]:
        if isinstance(data, str):
            data = self._from_text(data.strip())
        if isinstance(data, int) and not isinstance(data, bool):
            data = [data]
        if not isinstance(data, list):
            self.fail("invalid")
        ids = [self._one(one) for one in data]
        return list(dict.fromkeys(ids))

    def to_representation(self, value: Any) -> Any:
        return value

    def _from_text(self, text: str) -> Any:
        if not text:
            return []
        if text.startswith("["):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                self.fail("invalid")
        return text.split(",")

    def _one(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.fail("invalid")
        text = str(value).strip()
        if not text.isascii() or not text.isdecimal() or len(text) > 18:
            self.fail("invalid")
        return int(text)


def uploaded_bytes(photo: Any) -> bytes:
    """Read an uploaded picture, at most one byte more than is accepted, which tells it is more."""
    raw: bytes = photo.read(settings.PHOTO_LIMIT_BYTES + 1)
    return raw


@extend_schema_field(OpenApiTypes.ANY)
class UserTypeField(serializers.Field):
    """The wire's userType: 1 employee, 2 visitor, 3 blacklist (seed 8.2.1), or a word as in 9.1.

    Read as ``(category or None, word)``; shown as the word if there is one, else the number.
    """

    default_error_messages = {
        "invalid": "Give 1 (employee), 2 (visitor), 3 (blacklist) or a word of at most 16 letters."
    }

    def to_internal_value(self, data: Any) -> tuple[Category | None, str]:
        if isinstance(data, bool) or not isinstance(data, str | int):
            self.fail("invalid")
        text = str(data).strip()
        if text in {"1", "2", "3"}:
            return Category(int(text)), ""
        if text.lower() in _CATEGORY_WORDS:
            return _CATEGORY_WORDS[text.lower()], ""
        if text.lstrip("-").isdecimal() or len(text) > 16 or not text.isprintable():
            self.fail("invalid")
        return None, text

    def to_representation(self, value: Any) -> Any:
        return value
