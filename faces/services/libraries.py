"""Keeping libraries from going while somebody comes to name them."""

from collections.abc import Collection

from faces.models import Library


def libraries_lock(*, site_id: int, library_ids: Collection[int]) -> set[int]:
    """Lock those of these libraries that the site has, until commit; returns their ids.

    To be called before the clock. The database looks whether a library is still there only at the
    commit, under the clock; whoever is dropping it holds it and waits for that clock.
    """
    rows = Library.objects.select_for_update(no_key=True).filter(
        pk__in=library_ids, site_id=site_id
    )
    return set(rows.order_by("pk").values_list("pk", flat=True))
