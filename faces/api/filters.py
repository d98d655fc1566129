"""Filters of the lists; they narrow what the selectors already restricted to the caller's sites."""

from typing import Any

import django_filters
from django.db.models import QuerySet

from devices.models import Terminal
from faces.models import Delivery, Library, Person


class LibraryFilter(django_filters.FilterSet):
    """Libraries by site and name."""

    site = django_filters.NumberFilter(field_name="site_id")

    class Meta:
        model = Library
        fields = ["name"]


class TerminalFilter(django_filters.FilterSet):
    """Terminals by site, device id and status."""

    site = django_filters.NumberFilter(field_name="site_id")

    class Meta:
        model = Terminal
        fields = ["device_id", "status"]


class PersonFilter(django_filters.FilterSet):
    """People by site, user id, library, state, or a part of their name."""

    site = django_filters.NumberFilter(field_name="site_id")
    library = django_filters.NumberFilter(method="in_library")
    name = django_filters.CharFilter(lookup_expr="icontains")

    class Meta:
        model = Person
        fields = ["user_id", "state"]

    def in_library(self, queryset: QuerySet[Person], _name: str, value: Any) -> QuerySet[Person]:
        return queryset.filter(memberships__library_id=value)


class DeliveryFilter(django_filters.FilterSet):
    """Deliveries by site, device id, user id and state."""

    site = django_filters.NumberFilter(field_name="terminal__site_id")
    device_id = django_filters.CharFilter(field_name="terminal__device_id")

    class Meta:
        model = Delivery
        fields = ["user_id", "state", "operation"]
