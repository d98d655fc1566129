"""Filters of the lists; they narrow what the selectors already restricted to the caller's sites."""

import django_filters
from django.db.models import QuerySet

from devices.selectors import terminal_ids
from faces.api.serializers import FACE_STATUSES
from faces.choices import Category
from faces.models import Delivery, Library, Person, Revocation
from faces.selectors import people_named, told_in_vain, with_newest_photo
from server_common.api import IdFilter
from server_common.strict_api import YesNoFilter


class LibraryFilter(django_filters.FilterSet):
    """Libraries by site and name."""

    site = IdFilter(field_name="site_id")

    class Meta:
        model = Library
        fields = ["name"]


class PersonFilter(django_filters.FilterSet):
    """People by site, user id, library, kind, state, their photo, or a part of their name."""

    site = IdFilter(field_name="site_id")
    library = IdFilter(method="in_library")
    name = django_filters.CharFilter(method="named")
    category = django_filters.ChoiceFilter(choices=Category.choices)
    face_status = django_filters.ChoiceFilter(
        choices=[(value, value) for value in FACE_STATUSES], method="with_face"
    )

    class Meta:
        model = Person
        fields = ["user_id", "state"]

    def in_library(self, queryset: QuerySet[Person], _name: str, value: int) -> QuerySet[Person]:
        return queryset.filter(memberships__library_id=value)

    def with_face(self, queryset: QuerySet[Person], _name: str, value: str) -> QuerySet[Person]:
        return with_newest_photo(queryset, None if value == "none" else value)

    def named(self, queryset: QuerySet[Person], _name: str, value: str) -> QuerySet[Person]:
        return queryset.filter(people_named(value))


class DeliveryFilter(django_filters.FilterSet):
    """Deliveries by site, device id, user id, state, and whether something has to be done."""

    site = IdFilter(method="at_site")
    device_id = django_filters.CharFilter(method="of_device")
    needs_somebody = YesNoFilter(method="that_need_attention")
    told_in_vain = YesNoFilter(method="that_were_sent_in_vain")

    class Meta:
        model = Delivery
        fields = ["user_id", "state", "operation", "remedy"]

    def at_site(self, queryset: QuerySet[Delivery], _name: str, value: int) -> QuerySet[Delivery]:
        return queryset.filter(terminal__in=terminal_ids(site_id=value))

    def of_device(self, queryset: QuerySet[Delivery], _name: str, value: str) -> QuerySet[Delivery]:
        return queryset.filter(terminal__in=terminal_ids(device_id=value))

    def that_need_attention(
        self,
        queryset: QuerySet[Delivery],
        _name: str,
        value: bool,  # noqa: FBT001 - django-filter's signature
    ) -> QuerySet[Delivery]:
        return queryset.exclude(remedy="") if value else queryset.filter(remedy="")

    def that_were_sent_in_vain(
        self,
        queryset: QuerySet[Delivery],
        _name: str,
        value: bool,  # noqa: FBT001 - django-filter's signature
    ) -> QuerySet[Delivery]:
        return queryset.filter(told_in_vain()) if value else queryset.exclude(told_in_vain())


class RevocationFilter(django_filters.FilterSet):
    """Revocations by site, user id and state."""

    site = IdFilter(field_name="site_id")

    class Meta:
        model = Revocation
        fields = ["user_id", "state"]
