"""Audit of people: erased, blacklisted, suspended, moved between libraries.

Of a person nothing but the user ID is written down.
"""

from collections.abc import Collection
from typing import Any

from devices.choices import AuditAction, AuditKind
from devices.models import Site
from devices.services import audit_note, audit_notes
from faces.choices import Category, PersonState
from faces.models import Person
from faces.selectors import library_names

_MODEL = Person._meta.label_lower
# What of a new person is written down; of one who is there, each change of these.
_NOTED_OF_NEW = {"category": Category.BLACKLIST, "state": PersonState.SUSPENDED}


def audited_values(person: Person) -> dict[str, Any] | None:
    """Return what of a person is audited, as it is stored; None for a new one."""
    if person.pk is None:
        return None
    stored: dict[str, Any] | None = (
        Person.objects.filter(pk=person.pk).values(*_NOTED_OF_NEW).first()
    )
    return stored


def person_change_note(
    person: Person,
    *,
    before: dict[str, Any] | None,
    libraries: tuple[Collection[int], Collection[int]],
) -> None:
    """Write down what has changed; a new person's libraries are no move.

    Args:
        person: as stored now.
        before: of ``audited_values``.
        libraries: ids of before and now.
    """
    now = {name: getattr(person, name) for name in _NOTED_OF_NEW}
    changes: dict[str, list[Any]]
    if before is None:
        changes = {name: [None, now[name]] for name in now if now[name] == _NOTED_OF_NEW[name]}
    else:
        changes = {name: [before[name], now[name]] for name in now if now[name] != before[name]}
        old, new = map(set, libraries)
        if old != new:
            names = library_names(old | new)
            changes["libraries"] = [sorted(names[one] for one in ids) for ids in (old, new)]
    if changes:
        audit_note(
            kind=AuditKind.PERSON,
            action=AuditAction.CREATED if before is None else AuditAction.CHANGED,
            name=person.user_id,
            site=person.site,
            model=_MODEL,
            row_id=person.pk,
            changes=changes,
        )


def erased_note(*, site_id: int, person_ids: Collection[int]) -> None:
    """Write down that people are erased, before they are."""
    audit_notes(
        kind=AuditKind.PERSON,
        action=AuditAction.DELETED,
        site=Site.objects.get(pk=site_id),
        model=_MODEL,
        rows=Person.objects.filter(pk__in=person_ids).order_by("pk").values_list("pk", "user_id"),
    )
