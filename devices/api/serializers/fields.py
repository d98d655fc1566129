"""Fields and rules that several inputs of the REST interface share."""

from typing import Any

from rest_framework import serializers

from devices.models import Site
from devices.selectors import sites_managed, sites_visible


class VisibleSiteField(serializers.PrimaryKeyRelatedField):
    """A site the caller may look at; any other does not exist for them."""

    def get_queryset(self) -> Any:
        return sites_visible(self.context["request"].user)

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("queryset", Site.objects.none())
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except OverflowError:  # 1e999 in JSON is infinite
            self.fail("does_not_exist", pk_value=data)


class ManagedSiteField(VisibleSiteField):
    """A site the caller manages; any other does not exist for them."""

    def get_queryset(self) -> Any:
        return sites_managed(self.context["request"].user)


class Lasting:
    """An input of which some fields are given once: naming them again must not change them."""

    lasting: tuple[str, ...] = ()
    instance: Any

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if self.instance is None:
            return attrs
        moved = [
            name
            for name in self.lasting
            if name in attrs and attrs.pop(name) != getattr(self.instance, name)
        ]
        if moved:
            raise serializers.ValidationError({name: ["This never changes."] for name in moved})
        return attrs
