"""Refused calls as managers see them: whose address was meant, and what to do about it.

A manager sees calls that would have been their site's, and those whose address is nearly that of
their site. Calls that name no site are the superusers'.
"""

import base64
import time
from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from devices.address_guesses import AddressGuesses, Guess, SiteAddress
from devices.choices import AddressGuess, RefusedReason
from devices.models import SiteToken
from devices.selectors import is_administrator, sites_managed
from devices.services.admission.refused_store import TOKEN_PURPOSE, RefusedCall, refused_last
from server_common.crypto import Unsealable, unseal

# A mistake of longer ago has been found, or is not looked for.
LATELY_SECONDS = 24 * 3600

_ADVICE = {
    RefusedReason.WRONG_TOKEN: gettext_lazy(
        "Compare the BaseUrl on the terminal with the one on the site's page, letter by letter."
    ),
    RefusedReason.NO_TOKEN: gettext_lazy(
        "Enter the site's whole BaseUrl on the terminal, with /t/ and what stands behind it."
    ),
    RefusedReason.FOREIGN_ADDRESS: gettext_lazy(
        "If this terminal is yours, add the address to the site's allowed addresses."
    ),
    RefusedReason.DISABLED: gettext_lazy(
        "Approve the terminal again on its page, or take it off the wall."
    ),
    RefusedReason.HAS_OWN_ADDRESS: gettext_lazy(
        "If it was reset, enter its own BaseUrl again, which its page shows, or let it go back to "
        "the site's. If not, another terminal poses as it."
    ),
    RefusedReason.ANOTHERS_ADDRESS: gettext_lazy(
        "Enter the BaseUrl that this terminal's own page shows, or the site's."
    ),
    RefusedReason.BAD_DEVICE_ID: gettext_lazy(
        "Enter a device ID of 1 to 32 visible characters on the terminal."
    ),
    RefusedReason.TOO_MANY_WAITING: gettext_lazy(
        "Approve or delete terminals that wait; if you do not know them, give the site a new "
        "address."
    ),
    RefusedReason.SEVERAL_SITES: gettext_lazy("Enter the BaseUrl of its own site on the terminal."),
    RefusedReason.NO_SUCH_PATH: gettext_lazy(
        "The BaseUrl ends with the secret part: nothing may stand behind it. Opened in a browser, "
        "the address shows nothing."
    ),
    RefusedReason.WRONG_METHOD: gettext_lazy(
        "This was a browser or another program: terminals do not call like this."
    ),
    RefusedReason.OTHER: gettext_lazy("Look at the terminal's page."),
}


@dataclass(frozen=True, slots=True)
class RefusedShown:
    """A refused call as its readers see it.

    Attributes:
        site_id: whose call it was or was meant to be; None: unknown.
        guess: how its address is like that site's; None where that is not in question.
    """

    call: RefusedCall
    site_id: int | None
    site_name: str
    guess: AddressGuess | None = None

    @property
    def reason(self) -> str:
        """Why it was refused, in words."""
        return str(RefusedReason(self.call.reason).label)

    @property
    def advice(self) -> str:
        """What to do, in words."""
        words = str(_ADVICE[RefusedReason(self.call.reason)])
        if self.guess is None or self.guess is AddressGuess.SAME:
            return words
        if self.guess is AddressGuess.ENDED:
            words = _("Enter the site's new address on the terminal.")
        return f"{str(self.guess.label) % {'site': self.site_name}} {words}"


def refused_calls(
    user: Any, *, lately: bool = False, site_id: int | None = None
) -> list[RefusedShown]:
    """Return the refused calls that a user may see, the latest first.

    Args:
        user: who looks.
        lately: only those of the last day.
        site_id: only those that were or were meant to be this site's.
    """
    sites = dict(sites_managed(user).values_list("pk", "name"))
    if not sites and not is_administrator(user):
        return []
    calls = refused_last([None, *sites])
    if lately:
        since = time.time() - LATELY_SECONDS
        calls = [call for call in calls if call.at >= since]
    unknown = [call for call in calls if call.site_id is None]
    guesses = AddressGuesses(_addresses(sites) if unknown else ())
    shown = [_shown(call, sites, guesses) for call in calls]
    if site_id is not None:
        return [one for one in shown if one.site_id == site_id]
    if is_administrator(user):
        return shown
    return [one for one in shown if one.site_id is not None]


def _addresses(sites: dict[int, str]) -> list[SiteAddress]:
    """Return the segments of these sites, the present ones first."""
    now = timezone.now()
    present = Q(ends_at__isnull=True) | Q(ends_at__gt=now)
    rows = SiteToken.objects.filter(site_id__in=sites).order_by("-pk")
    return [
        SiteAddress(row.site_id, sites[row.site_id], row.token, has_ended)
        for has_ended, found in ((False, rows.filter(present)), (True, rows.exclude(present)))
        for row in found
    ]


def _shown(call: RefusedCall, sites: dict[int, str], guesses: AddressGuesses) -> RefusedShown:
    if call.site_id is not None:
        return RefusedShown(call, call.site_id, sites[call.site_id])
    guess = _guess(call, guesses)
    if guess is None:
        return RefusedShown(call, None, "")
    return RefusedShown(call, guess.site_id, guess.site_name, guess.word)


def _guess(call: RefusedCall, guesses: AddressGuesses) -> Guess | None:
    if not call.sealed_token:
        return None
    try:
        token = unseal(base64.b64decode(call.sealed_token), purpose=TOKEN_PURPOSE).decode()
    except Unsealable:
        # Its key was taken out meanwhile; the call itself is shown all the same.
        return None
    return guesses.guess(token)
