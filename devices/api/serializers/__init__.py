"""Shapes that the REST interface takes and shows."""

from devices.api.serializers.sites import RotateIn, SiteIn, SiteOut, equipped_site_ids

__all__ = ["RotateIn", "SiteIn", "SiteOut", "equipped_site_ids"]
