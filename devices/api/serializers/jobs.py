"""Jobs as the REST interface shows them."""

from rest_framework import serializers

from devices.models import Job


class JobOut(serializers.ModelSerializer):
    """How far a job is (``done`` of ``total``), and what it has counted so far."""

    result = serializers.DictField(child=serializers.IntegerField())

    class Meta:
        model = Job
        fields = [
            "id",
            "site",
            "kind",
            "state",
            "total",
            "done",
            "result",
            "requester",
            "created_at",
            "started_at",
            "ended_at",
        ]
