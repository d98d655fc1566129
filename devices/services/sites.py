"""Creating and erasing sites, and rotating the secret of their BaseUrl."""

import secrets
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import slugify

from devices.models import Site, SiteToken
from server_common.crypto import keyed_digest

TOKEN_PURPOSE = "devices.site_token"  # noqa: S105 - names a purpose
# 16 random bytes, 22 characters: short enough for the terminal's BaseUrl field.
_TOKEN_BYTES = 16


@transaction.atomic
def site_create(**fields: Any) -> Site:
    """Create a site together with its first BaseUrl token.

    Args:
        fields: columns of ``Site``; without a ``code`` one is made from the name.

    Raises:
        ValidationError: a field is not acceptable.
    """
    fields.setdefault("code", _free_code(str(fields.get("name", ""))))
    site = Site(**fields)
    site.full_clean()
    site.save()
    site_token_rotate(site=site, overlap=timedelta())
    return site


@transaction.atomic
def site_change(*, site: Site, **fields: Any) -> Site:
    """Change columns of a site.

    Raises:
        ValidationError: a field is not acceptable.
    """
    for name, value in fields.items():
        setattr(site, name, value)
    site.full_clean()
    site.save(update_fields=list(fields))
    return site


@transaction.atomic
def site_erase(*, site: Site) -> None:
    """Delete a site and what the apps above have left: terminals, addresses, members.

    Raises:
        ProtectedError: it has people, records, libraries or plans.
    """
    site.terminals.all().delete()
    site.delete()


def _free_code(name: str) -> str:
    # A name in Chinese leaves nothing of itself; its site is "site", "site-2" …
    wanted = slugify(name)[:32].strip("-_") or "site"
    taken = set(Site.objects.filter(code__startswith=wanted).values_list("code", flat=True))
    numbered = (f"{wanted}-{number}" for number in range(2, len(taken) + 3))
    return next(code for code in (wanted, *numbered) if code not in taken)


@transaction.atomic
def site_token_rotate(*, site: Site, overlap: timedelta) -> SiteToken:
    """Give a site a new BaseUrl; the old one goes on for ``overlap``.

    Effects: terminals that still use the old address are served until it ends.
    """
    # Serialises two managers who rotate at once: the second ends the first one's token.
    Site.objects.select_for_update().get(pk=site.pk)
    SiteToken.objects.filter(site=site, ends_at__isnull=True).update(
        ends_at=timezone.now() + overlap
    )
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return SiteToken.objects.create(
        site=site, token=token, digest=keyed_digest(token, purpose=TOKEN_PURPOSE)
    )
