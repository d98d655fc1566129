"""Reads of records and alerts; the restriction to a user's own sites is made here."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import QuerySet

from devices.selectors import sites_visible
from records.models import Alert, Record


def records_visible(user: User | AnonymousUser) -> QuerySet[Record]:
    """Return the records of the user's sites with terminal, person and picture at hand."""
    return Record.objects.filter(site__in=sites_visible(user)).select_related(
        "terminal", "site", "person", "picture"
    )


def alerts_visible(user: User | AnonymousUser) -> QuerySet[Alert]:
    """Return the alerts of the user's sites with terminal and record at hand."""
    return Alert.objects.filter(site__in=sites_visible(user)).select_related(
        "terminal", "site", "record", "acknowledged_by", "cleared_by"
    )
