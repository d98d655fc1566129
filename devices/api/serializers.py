"""Sites as the REST interface shows and takes them."""

from typing import Any

from django.utils.text import slugify
from rest_framework import serializers

from devices.models import Site
from devices.selectors import site_base_url, sites_managed
from devices.services import site_create

_POLICY = [
    "timezone",
    "allow_bare_path",
    "auto_approve",
    "verification",
    "when_unverifiable",
    "temperature_limit_c",
    "fever_closes_door",
    "mask_required",
    "offline_after_s",
    "allowed_networks",
]


class SiteOut(serializers.ModelSerializer):
    """A site; ``base_url`` is what a terminal is configured with, for its managers only."""

    base_url = serializers.SerializerMethodField()
    temperature_limit_c = serializers.FloatField()

    class Meta:
        model = Site
        fields = ["id", "code", "name", "base_url", *_POLICY, "created_at"]

    def get_base_url(self, site: Site) -> str:
        request = self.context["request"]
        if not hasattr(request, "managed_site_ids"):
            request.managed_site_ids = set(sites_managed(request.user).values_list("pk", flat=True))
        if site.pk not in request.managed_site_ids:
            return ""
        return site_base_url(site, root=f"{request.scheme}://{request.get_host()}")


class SiteIn(serializers.ModelSerializer):
    """What a site is made of; the code follows from the name when it is left out."""

    code = serializers.CharField(max_length=40, required=False)

    class Meta:
        model = Site
        fields = ["code", "name", *_POLICY]

    def create(self, validated_data: dict[str, Any]) -> Site:
        validated_data.setdefault("code", slugify(validated_data["name"])[:40] or "site")
        return site_create(**validated_data)

    def update(self, instance: Site, validated_data: dict[str, Any]) -> Site:
        for name, value in validated_data.items():
            setattr(instance, name, value)
        instance.full_clean()
        instance.save()
        return instance


class RotateIn(serializers.Serializer):
    """How long the old BaseUrl goes on working."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=24 * 90, default=24)
