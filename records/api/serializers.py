"""Records, alerts and decisions as the REST interface shows and takes them."""

import math
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.reverse import reverse

from records.choices import AlertState, Reason, Timing, VerificationResult
from records.models import Alert, Record
from records.services import WAITS
from server_common.api import ID_MAX
from server_common.strict_api import StrictInput


class VerificationOut(serializers.Serializer):
    """The platform's own look at the picture; score 0–100, null without a comparison."""

    result = serializers.ChoiceField(choices=VerificationResult.choices)
    score = serializers.FloatField(allow_null=True)


class RecordOut(serializers.ModelSerializer):
    """A pass or a temperature, as stored."""

    device_id = serializers.CharField(source="terminal.device_id")
    temperature_c = serializers.FloatField(allow_null=True)
    verification = serializers.SerializerMethodField()
    picture_url = serializers.SerializerMethodField()
    picture_waits = serializers.SerializerMethodField(
        help_text="The picture is kept undecoded until its terminal is approved."
    )
    reason_text = serializers.CharField(source="get_reason_display")
    extras = serializers.DictField()
    faults = serializers.ListField(child=serializers.CharField())
    not_this_person = serializers.SerializerMethodField(
        help_text="A manager said that this pass shows somebody else."
    )

    class Meta:
        model = Record
        fields = [
            "id",
            "kind",
            "site",
            "device_id",
            "user_id",
            "user_name",
            "user_type",
            "origin",
            "captured_at",
            "received_at",
            "clock_skew_s",
            "is_late",
            "late_s",
            "repeats",
            "repeated_at",
            "temperature_c",
            "mask",
            "similarity",
            "verification",
            "door_opened",
            "unlock_delay_ms",
            "reason",
            "reason_text",
            "open_code",
            "open_message",
            "action_code",
            "action",
            "uuid_label",
            "nation_code",
            "id_card_name",
            "extras",
            "picture_url",
            "picture_waits",
            "faults",
            "not_this_person",
            "trace",
        ]

    @extend_schema_field(VerificationOut)
    def get_verification(self, record: Record) -> dict[str, Any]:
        return {"result": record.verification, "score": record.verification_score}

    def get_not_this_person(self, record: Record) -> bool:
        return getattr(record, "negative", None) is not None

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_picture_url(self, record: Record) -> str | None:
        if record.picture_id is None:
            return None
        url: str = reverse("record-picture", args=[record.pk], request=self.context["request"])
        return url

    def get_picture_waits(self, record: Record) -> bool:
        return WAITS in record.faults


class NotThisPersonOut(serializers.Serializer):
    """Whether a record's face is remembered as one that is not its person's."""

    record = serializers.IntegerField()
    not_this_person = serializers.BooleanField()


class LooksLikePhotoOut(serializers.Serializer):
    """Nothing was remembered, because the picture looks like the photo on file."""

    error = serializers.CharField(help_text="Always `looks_like_photo`.")
    record = serializers.IntegerField()
    not_this_person = serializers.BooleanField(help_text="Always false.")
    looks_like_photo = serializers.BooleanField(help_text="Always true: replace the photo instead.")
    person = serializers.IntegerField(help_text="Whose photo to replace.")
    detail = serializers.CharField()


class AlertOut(serializers.ModelSerializer):
    """Something that needs attention; ``folded`` others are counted on one of a flood."""

    device_id = serializers.SerializerMethodField()
    acknowledged_by: Any = serializers.SlugRelatedField("username", read_only=True)
    cleared_by: Any = serializers.SlugRelatedField("username", read_only=True)
    facts = serializers.DictField()
    # As they are: the rules between rows are none for reading one.
    state: Any = serializers.ChoiceField(choices=AlertState.choices, read_only=True)
    folded = serializers.IntegerField(
        read_only=True, help_text="How many alerts of a flood it stands for; 0: for itself."
    )

    class Meta:
        model = Alert
        fields = [
            "id",
            "kind",
            "severity",
            "state",
            "site",
            "device_id",
            "user_id",
            "user_name",
            "record",
            "raised_at",
            "acknowledged_at",
            "acknowledged_by",
            "cleared_at",
            "cleared_by",
            "folded",
            "facts",
        ]

    def get_device_id(self, alert: Alert) -> str:
        return alert.terminal.device_id if alert.terminal else ""


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
