"""What the admin filters a list by, REST filters it by as well."""

from typing import Any

import pytest
from django.contrib import admin
from django_filters.rest_framework import DjangoFilterBackend

from menjin.api_urls import router

# Where the two have different names, or one filter of the admin is several here.
NAMES = {
    "terminal": {"device_id"},
    "libraries": {"library"},
    "received_at": {"since", "until"},
    "raised_at": {"since", "until"},
    "face": {"face_status"},
    "needs": {"needs_somebody", "remedy", "told_in_vain"},
}
LISTS = [
    (prefix, view_set)
    for prefix, view_set, _name in router.registry
    if view_set.queryset.model in admin.site._registry and prefix != "refused-calls"
]


def admin_filters(model: Any) -> set[str]:
    """Return the names of the filters of an admin list."""
    names = set()
    for one in admin.site._registry[model].list_filter:
        given: Any = one[0] if isinstance(one, tuple) else one
        names.add(given if isinstance(given, str) else given.parameter_name)
    return names


@pytest.mark.parametrize(("prefix", "view_set"), LISTS, ids=[one[0] for one in LISTS])
def test_rest_offers_the_filters_of_the_admin(prefix: str, view_set: Any) -> None:
    filters = DjangoFilterBackend().get_filterset_class(view_set(), view_set.queryset)
    offered = set(filters.base_filters if filters else ())

    wanted = {
        name for one in admin_filters(view_set.queryset.model) for name in NAMES.get(one, {one})
    }

    assert wanted <= offered


def test_most_lists_are_compared() -> None:
    assert len(LISTS) >= 9
