"""Locks of libraries against deletion while people are being added."""

from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from faces.models import Library

# A refusal names so many of them.
_NAMED_MOST = 20


def libraries_lock(*, site_id: int, library_ids: Collection[int]) -> set[int]:
    """Lock those of these libraries that the site has, until commit; returns their ids.

    To be called before the clock. The database looks whether a library is still there only at the
    commit, under the clock; a transaction that drops it holds it and waits for that clock.
    """
    rows = Library.objects.select_for_update(no_key=True).filter(
        pk__in=library_ids, site_id=site_id
    )
    return set(rows.order_by("pk").values_list("pk", flat=True))


def libraries_lock_all(*, site_id: int, library_ids: Collection[int]) -> None:
    """Lock libraries of a site as `libraries_lock` does.

    Raises:
        ValidationError: one is not there. One of another site is told alike: that it exists is
            nothing the caller may learn.
    """
    missing = set(library_ids) - libraries_lock(site_id=site_id, library_ids=library_ids)
    if missing:
        ids = ", ".join(map(str, sorted(missing)[:_NAMED_MOST]))
        words = _("Library %(ids)s does not exist at this site.")
        raise ValidationError({"libraries": words % {"ids": ids}})
