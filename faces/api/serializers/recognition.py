"""Recognition and its index as the REST interface shows and takes them."""

from rest_framework import serializers

from devices.api.serializers import VisibleSiteField
from server_common.api import ID_MAX
from server_common.strict_api import StrictInput


class IdentifyIn(StrictInput):
    """A picture and whose gallery to search."""

    site = VisibleSiteField()
    photo = serializers.FileField(allow_empty_file=True)


class CandidateOut(serializers.Serializer):
    """A person the face might be, named from the floor on; similarity 0–100 as on the wire."""

    user_id = serializers.CharField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    similarity = serializers.FloatField()
    is_match = serializers.BooleanField()


class IdentifyOut(serializers.Serializer):
    """Candidates for the largest face in the picture, best first."""

    faces = serializers.IntegerField()
    problems = serializers.ListField(child=serializers.CharField())
    candidates = CandidateOut(many=True)


class SiteIndexOut(serializers.Serializer):
    """The index of one site."""

    site = serializers.IntegerField()
    size = serializers.IntegerField()
    built_at = serializers.DateTimeField(allow_null=True)
    pending = serializers.IntegerField()


class IndexOut(serializers.Serializer):
    """The index over the caller's sites; ``pending`` changes are searched but not in the file."""

    model = serializers.CharField()
    size = serializers.IntegerField()
    built_at = serializers.DateTimeField(allow_null=True)
    pending = serializers.IntegerField()
    sites = SiteIndexOut(many=True)


class RebuildIn(StrictInput):
    """Which site's index; without one those of all sites that the caller manages."""

    site = serializers.IntegerField(required=False, min_value=0, max_value=ID_MAX)


class QueuedOut(serializers.Serializer):
    """How many rebuilds were queued."""

    queued = serializers.IntegerField()
