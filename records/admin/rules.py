"""A site's further rules of passing."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from devices.admin.scoped import SITE_FILTER, ScopedAdmin
from records.models import PassRules


@admin.register(PassRules)
class PassRulesAdmin(ScopedAdmin):
    """Similarity and direction; temperature, mask and verification are on the site's page."""

    list_display = (
        "__str__",
        "similarity_floor",
        "photo_on_file_closes_door",
        "passback",
        "passback_minutes",
    )
    list_select_related = ("site",)
    list_filter = (SITE_FILTER,)
    fields = ("site", *list_display[1:])

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("site",)
