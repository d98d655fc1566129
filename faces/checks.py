"""Checks of the settings that terminals fetch pictures by (``manage.py check``)."""

from typing import Any

from django.conf import settings
from django.core import checks

from faces.services import PICTURE_ROOT_MAX, picture_root_fits


@checks.register
def picture_addresses(**_: Any) -> list[checks.CheckMessage]:
    """Refuse roots of picture addresses that no terminal could use."""
    if settings.PICTURE_URL and not picture_root_fits(settings.PICTURE_URL):
        return [
            checks.Error(
                "MENJIN_PICTURE_URL must begin with http:// and have at most "
                f"{PICTURE_ROOT_MAX} characters.",
                hint="Terminals take picture addresses of 128 characters over plain HTTP.",
                id="faces.E001",
            )
        ]
    if settings.PUBLIC_URL and not (settings.PICTURE_URL or picture_root_fits(settings.PUBLIC_URL)):
        return [
            checks.Warning(
                "PUBLIC_URL is too long or not plain HTTP, so pictures are addressed by the host "
                "that each terminal calls.",
                hint="Set MENJIN_PICTURE_URL to a short http:// address of the same server.",
                id="faces.W001",
            )
        ]
    return []
