"""``/api/v1/decisions/preview/``: why would this person be let in here at that time?"""

import math
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from records.choices import Reason, Timing, VerificationResult
from records.selectors import asked_doors
from records.services import decision_preview
from server_common.api import ID_MAX
from server_common.strict_api import StrictInput, StrictRequests

# Clock changes and holidays outside of these years are nobody's question.
_YEARS = range(2000, 2100)


class FiniteField(serializers.FloatField):
    """A number; JSON of Python knows some that are none."""

    def to_internal_value(self, data: Any) -> float:
        number: float = super().to_internal_value(data)
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class PreviewIn(StrictInput):
    """Who, where, when, and what the terminal and the platform are supposed to see."""

    person = serializers.IntegerField(
        required=False, min_value=1, max_value=ID_MAX, help_text="Id; or give `user_id`."
    )
    user_id = serializers.CharField(required=False, max_length=64)
    device_id = serializers.CharField(max_length=32)
    site = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=ID_MAX,
        help_text="Needed where several of your sites have such a terminal.",
    )
    at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="Without an offset it is UTC; default: now."
    )
    temperature_c = serializers.DecimalField(
        max_digits=5, decimal_places=2, required=False, allow_null=True
    )
    mask = serializers.BooleanField(required=False, allow_null=True, default=None)
    similarity = FiniteField(required=False, allow_null=True, min_value=0, max_value=100)
    verification = serializers.ChoiceField(
        choices=VerificationResult.choices, default=VerificationResult.MATCH
    )
    timing = serializers.ChoiceField(
        choices=Timing.choices, default=Timing.LIVE, help_text="When the message comes."
    )

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except OverflowError as error:  # the year 1 or 9999 of some time zone
            raise ValidationError({"at": ["This moment is out of range."]}) from error

    def validate_at(self, at: Any) -> Any:
        if at is not None and at.year not in _YEARS:
            raise ValidationError("This moment is out of range.")
        return at

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("person" in attrs) == ("user_id" in attrs):
            raise ValidationError({"user_id": ["Give either `user_id` or `person`."]})
        return attrs


class PreviewOut(serializers.Serializer):
    """What would be decided, and every input of it."""

    open_door = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=Reason.choices)
    reason_text = serializers.CharField()
    unlock_delay_ms = serializers.IntegerField()
    passed_back = serializers.BooleanField(help_text="Also where the site only alerts about it.")
    at = serializers.DateTimeField()
    site = serializers.IntegerField()
    device_id = serializers.CharField()
    person = serializers.IntegerField(allow_null=True)
    inputs = serializers.DictField()


class DecisionPreviewView(StrictRequests, APIView):
    """A decision without a pass; nothing is stored, nobody is alerted."""

    member_may_write = True

    @extend_schema(request=PreviewIn, responses=PreviewOut)
    def post(self, request: Request) -> Response:
        """Say whether a door would open for a person at a moment, and why."""
        given = PreviewIn(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        doors = asked_doors(
            request.user,
            device_id=asked["device_id"],
            site_id=asked.get("site"),
            person_id=asked.get("person"),
            user_id=asked.get("user_id"),
        )
        if not doors:
            raise ValidationError({"device_id": ["There is no such terminal for this person."]})
        if len(doors) > 1:
            raise ValidationError({"site": ["Several sites have such a terminal; give the site."]})
        terminal, person = doors[0]
        at = asked.get("at") or timezone.now()
        made = decision_preview(
            terminal=terminal,
            person=person,
            at=at,
            temperature_c=asked.get("temperature_c"),
            mask=asked["mask"],
            similarity=asked.get("similarity"),
            verification=VerificationResult(asked["verification"]),
            timing=Timing(asked["timing"]),
        )
        found = {
            "open_door": made.decision.open_door,
            "reason": made.decision.reason,
            "reason_text": made.decision.reason.label,
            "unlock_delay_ms": made.decision.unlock_delay_ms,
            "passed_back": made.has_passed_back,
            "at": at,
            "site": terminal.site_id,
            "device_id": terminal.device_id,
            "person": person.pk if person else None,
            "inputs": made.inputs,
        }
        return Response(PreviewOut(found).data)
