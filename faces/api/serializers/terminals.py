"""What a terminal holds as the REST interface shows it."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from devices.models import Terminal
from faces.models import TerminalHoldings
from faces.selectors import terminal_library_ids


@extend_schema_field(serializers.ListSerializer(child=serializers.IntegerField()))
class HeldLibrariesField(serializers.Field):
    """Ids of the libraries that a terminal holds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)

    def to_representation(self, terminal: Terminal) -> list[int]:
        return terminal_library_ids(terminal)


class HoldingsOut(serializers.ModelSerializer):
    """People that a terminal was found to hold; the lists are user ids, cut after 2000."""

    missing = serializers.ListField(child=serializers.CharField(), read_only=True)
    extra = serializers.ListField(child=serializers.CharField(), read_only=True)
    different = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = TerminalHoldings
        fields = [
            "compared_at",
            "held",
            "expected",
            "missing_count",
            "extra_count",
            "different_count",
            "missing",
            "extra",
            "different",
        ]
