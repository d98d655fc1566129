"""Sites: created and erased, and the secrets of BaseUrls, a site's and terminals' own."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.text import slugify

from devices.models import Site, SiteToken, Terminal
from devices.services.calls import admissions_forget_on_commit
from server_common.crypto import keyed_digest

TOKEN_PURPOSE = "devices.site_token"  # noqa: S105 - names a purpose
# 16 random bytes, 22 characters behind the site's tag: short enough for a terminal's BaseUrl field.
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
    if {"allowed_networks", "allow_bare_path"} & fields.keys():
        admissions_forget_on_commit()
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

    Effects: terminals that still use the old address are served until it ends, and so are those
    that use an older one, if it ends no sooner by itself.
    """
    # Serialises two managers who rotate at once: the second ends the first one's token.
    Site.objects.select_for_update().get(pk=site.pk)
    _end_by(SiteToken.objects.filter(site=site, terminal=None), timezone.now() + overlap)
    admissions_forget_on_commit()
    return _token_make(site)


@transaction.atomic
def terminal_address_replace(*, terminal: Terminal, overlap: timedelta) -> SiteToken:
    """Give a terminal an address of its own; one that it had goes on for ``overlap``.

    Effects: the site's address goes on for this terminal until its first call under its own.
    """
    # Serialises two managers who do so at once: the second ends the first one's token.
    locked = Terminal.objects.select_for_update(no_key=True).get(pk=terminal.pk)
    _end_by(SiteToken.objects.filter(terminal=locked), timezone.now() + overlap)
    admissions_forget_on_commit()
    return _token_make(locked.site, terminal=locked)


@transaction.atomic
def terminal_address_end(*, terminal: Terminal) -> None:
    """End a terminal's own address, for example after its factory reset.

    Effects: it is served under the site's address again, at once.
    """
    Terminal.objects.select_for_update(no_key=True).get(pk=terminal.pk)
    _end_by(SiteToken.objects.filter(terminal=terminal), timezone.now())
    Terminal.objects.filter(pk=terminal.pk).update(own_address_since=None)
    admissions_forget_on_commit()


def terminal_address_used(*, terminal_id: int) -> None:
    """Note that a terminal has called under its own address: the site's is refused for it now.

    Effects: no process answers it from memory under the site's address any more.
    """
    first = Terminal.objects.filter(pk=terminal_id, own_address_since__isnull=True)
    if first.update(own_address_since=timezone.now()):
        admissions_forget_on_commit()


def _end_by(tokens: QuerySet[SiteToken], moment: datetime) -> None:
    """End tokens at a moment; what ends sooner by an earlier change stays as it is."""
    tokens.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=moment)).update(ends_at=moment)


def _token_make(site: Site, *, terminal: Terminal | None = None) -> SiteToken:
    token = f"{site.address_tag}-{secrets.token_urlsafe(_TOKEN_BYTES)}"
    return SiteToken.objects.create(
        site=site,
        terminal=terminal,
        token=token,
        digest=keyed_digest(token, purpose=TOKEN_PURPOSE),
    )
