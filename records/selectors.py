"""Reads of records and alerts; the restriction to a user's own sites is made here."""

from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from devices.models import Terminal
from devices.selectors import terminal_ids_found, terminals_visible, visible
from faces.models import Person
from faces.selectors import people_visible
from records.models import Alert, Record
from server_common.text_search import SearchedText

# With the index ``record_text``.
RECORDS_TEXT = SearchedText(("user_name", "user_id"))

# Fewer than the largest number of a row has.
_DIGITS_MOST = 18

# With the index ``alert_text``.
ALERTS_TEXT = SearchedText(("user_name", "user_id"))


def records_visible(user: User | AnonymousUser) -> QuerySet[Record]:
    """Return the records of the user's sites with terminal, person and picture at hand."""
    rows = Record.objects.select_related("terminal", "site", "person", "picture", "negative")
    return visible(rows, user)


def record_numbered(rows: QuerySet[Record], number: str | int) -> Record | None:
    """Return the record among these that has, or had before it was uploaded, this number.

    Args:
        rows: those that the caller may see.
        number: as it stands in an address; None is found by what no record can have.
    """
    text = str(number)
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MOST):
        return None
    found = int(text)
    return rows.filter(pk=found).first() or rows.filter(former=found).first()


def alerts_visible(user: User | AnonymousUser) -> QuerySet[Alert]:
    """Return the alerts of the user's sites with terminal and record at hand."""
    rows = Alert.objects.select_related(
        "terminal", "site", "record", "acknowledged_by", "cleared_by"
    )
    return visible(rows, user)


def records_found(user: User | AnonymousUser, word: str) -> Q:
    """Return the condition of records with a text in name or user ID, or of such terminals."""
    # In this order: what costs less is looked at first.
    return Q(terminal__in=terminal_ids_found(user, word)) | RECORDS_TEXT.found(word)


def alerts_found(user: User | AnonymousUser, word: str) -> Q:
    """Return the condition of alerts with a text in name or user ID, or of such terminals."""
    return Q(terminal__in=terminal_ids_found(user, word)) | ALERTS_TEXT.found(word)


def alerts_named(word: str) -> Q:
    """Return the condition of alerts with a text in the name of their person."""
    return Q(user_name__icontains=word) & ALERTS_TEXT.by_index(word)


def asked_doors(
    user: User | AnonymousUser,
    *,
    device_id: str,
    site_id: int | None = None,
    person_id: int | None = None,
    user_id: str | None = None,
) -> list[tuple[Terminal, Person | None]]:
    """Return the terminals a question about a person can mean, among the user's sites.

    Each comes with the person of its site, None when no person of that user id is on file there.
    Where several sites have such a terminal, those that know the person are meant.
    """
    terminals = terminals_visible(user).filter(device_id=device_id)
    if site_id is not None:
        terminals = terminals.filter(site_id=site_id)
    people = people_visible(user)
    if person_id is not None:
        people = people.filter(pk=person_id)
        terminals = terminals.filter(site__in=people.values("site"))
    else:
        people = people.filter(user_id=user_id)
    by_site = {person.site_id: person for person in people}
    doors = [(terminal, by_site.get(terminal.site_id)) for terminal in terminals]
    known = [door for door in doors if door[1] is not None]
    return known or doors
