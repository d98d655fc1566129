"""Sites as the REST interface shows and takes them."""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied

from devices.models import Site
from devices.selectors import is_administrator, may_read_secrets, site_base_url, sites_managed
from server_common.strict_api import StrictInput

_POLICY = [
    "timezone",
    "allow_bare_path",
    "auto_approve",
    "newcomers_per_hour",
    "verification",
    "when_unverifiable",
    "temperature_limit_c",
    "fever_closes_door",
    "mask_required",
    "late_passes",
    "offline_after_s",
    "unconfirmed_after_s",
    "allowed_networks",
]
# Other sites feel these: the code is in exports, the bare path is one for the whole platform.
_SUPERUSER_FIELDS = ("code", "allow_bare_path")


def equipped_site_ids(request: Any) -> set[int]:
    """Return the sites whose secret addresses the caller may read, asked about once a request."""
    if not hasattr(request, "equipped_site_ids"):
        managed = (
            sites_managed(request.user) if may_read_secrets(request.user) else Site.objects.none()
        )
        request.equipped_site_ids = set(managed.values_list("pk", flat=True))
    known: set[int] = request.equipped_site_ids
    return known


class SiteOut(serializers.ModelSerializer):
    """A site; ``base_url`` is what a terminal is configured with.

    It is for the site's managers only, and empty for tokens that only read.
    """

    base_url = serializers.SerializerMethodField()
    temperature_limit_c = serializers.FloatField(read_only=True)

    class Meta:
        model = Site
        fields = ["id", "code", "name", "base_url", "address_tag", *_POLICY, "created_at"]

    def get_base_url(self, site: Site) -> str:
        request = self.context["request"]
        if site.pk not in equipped_site_ids(request):
            return ""
        return site_base_url(site, root=f"{request.scheme}://{request.get_host()}")


class SiteIn(StrictInput, serializers.ModelSerializer):
    """What a site is made of; the code follows from the name when it is left out."""

    shown_as = SiteOut

    code = serializers.CharField(max_length=40, required=False)

    class Meta:
        model = Site
        fields = ["code", "name", *_POLICY]

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not is_administrator(self.context["request"].user):
            for name in _SUPERUSER_FIELDS:
                if name in attrs and attrs[name] != getattr(self.instance, name):
                    raise PermissionDenied(f"Only an administrator changes {name}.")
        return attrs


class RotateIn(StrictInput):
    """How long the BaseUrl of before goes on working."""

    overlap_hours = serializers.IntegerField(min_value=0, max_value=24 * 90, default=24)
