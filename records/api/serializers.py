"""Records and alerts as the REST interface shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from records.choices import AlertState, VerificationResult
from records.models import Alert, Record
from records.services import WAITS


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
    """Something somebody should look at; ``folded`` others are counted on one of a flood."""

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
