"""Time zone in which a page shows times."""

from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone

from devices.selectors import sites_visible


def user_zone(user: Any) -> ZoneInfo:
    """Return the time zone of the user's first site; UTC when there is none.

    A site's time zone is validated when it is stored. Who works for sites of several zones reads
    the first one's time everywhere, which at least is one clock for the whole page.
    """
    name = sites_visible(user).order_by("pk").values_list("timezone", flat=True).first()
    return ZoneInfo(name or timezone.get_default_timezone_name())
