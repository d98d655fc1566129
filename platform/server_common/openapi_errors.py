"""Describe in OpenAPI how the REST interface refuses."""

from typing import Any, Literal

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import force_instance
from rest_framework import serializers

Direction = Literal["request", "response"]
_WRITES = {"POST", "PUT", "PATCH", "DELETE"}


class RefusalOut(serializers.Serializer):
    """Why not: a stable code and a sentence; for wrong values a sentence by field."""

    error = serializers.CharField()
    detail = serializers.CharField()
    fields: Any = serializers.DictField(child=serializers.JSONField(), required=False)


class DescribedSchema(AutoSchema):
    """The description of one operation, with every refusal that a caller can meet."""

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        described: Any = self._get_response_for_code
        for status in sorted(self._refusals() - set(bodies)):
            bodies[status] = described(RefusalOut, status, ["application/json"], direction)
        return bodies

    def _refusals(self) -> set[str]:
        """Return the statuses, as the keys of the description."""
        found = {"400", "401", "403", "429"}
        if "{" in self.path or self._is_list_view():
            # A list has no page beyond its last.
            found.add("404")
        if self.method in _WRITES:
            found.add("409")
        if self.method in _WRITES - {"DELETE"}:
            found |= {"413", "415"}
            if self._takes_pictures():
                # There is no room to decode another one (server_common.api.TooManyPictures).
                found.add("503")
        return found

    def _takes_pictures(self) -> bool:
        asked = self.get_request_serializer()
        shapes = asked.values() if isinstance(asked, dict) else [asked]
        return any(
            isinstance(field, serializers.FileField) and not field.read_only
            for shape in map(force_instance, shapes)
            if isinstance(shape, serializers.Serializer)
            for field in shape.fields.values()
        )
