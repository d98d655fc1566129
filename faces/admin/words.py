"""Codes of photos in words that a manager can act on, and colours of states."""

from collections import Counter

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from faces.choices import (
    Category,
    DeliveryState,
    Operation,
    PersonState,
    PhotoStatus,
    delivery_label,
)
from faces.models import Person
from faces.selectors import reference_photo
from faces.words import problem_sentence
from server_common.admin import EMPTY, Tone, badge

STATE_TONES: dict[str, Tone] = {
    DeliveryState.PENDING: "warn",
    DeliveryState.SENT: "info",
    DeliveryState.STORED: "good",
    DeliveryState.FAILED: "bad",
    DeliveryState.UNCONFIRMED: "warn",
    DeliveryState.FETCHED: "quiet",
}
# (operation, state) of deliveries, counted.
DeliveryCounts = Counter[tuple[str, str]]
PHOTO_TONES: dict[str, Tone] = {
    PhotoStatus.WAITING: "warn",
    PhotoStatus.OK: "good",
    PhotoStatus.REFUSED: "bad",
}


def delivery_tone(operation: str, state: str) -> Tone:
    """Return the colour of a delivery's state."""
    if operation == Operation.DELETE and state == DeliveryState.STORED:
        return "quiet"
    return STATE_TONES[DeliveryState(state)]


def counts_words(counts: DeliveryCounts) -> SafeString | str:
    """Return the counts as badges, those that are zero left out."""
    shown = [
        (operation, state)
        for operation in Operation
        for state in DeliveryState
        if counts[operation, state]
    ]
    if not shown:
        return EMPTY
    return format_html_join(
        " ",
        "{}",
        ((badge(delivery_tone(*key), f"{counts[key]} {delivery_label(*key)}"),) for key in shown),
    )


def doors_words(doors: int, counts: DeliveryCounts) -> SafeString | str:
    """Say how many of the doors that should hold a face do, green only if it is all of them.

    Args:
        doors: terminals that should hold the person now, whether or not they have a row.
        counts: of the person's deliveries.
    """
    held = counts[Operation.SAVE, DeliveryState.STORED]
    rest = DeliveryCounts({key: number for key, number in counts.items() if number})
    rest.pop((Operation.SAVE, DeliveryState.STORED), None)
    if not doors and not held:
        return counts_words(rest)
    words = _("%(held)d of %(doors)d doors") % {"held": held, "doors": max(doors, held)}
    total = badge("good" if held >= doors else "warn", words)
    return format_html("{} {}", total, counts_words(rest)) if rest else total


def problem_words(problems: list[str]) -> list[str]:
    """Return for each reason of a refusal a sentence that says what to do."""
    return [problem_sentence(problem) for problem in problems]


def on_no_terminal_because(person: Person) -> list[str]:
    """Say why no terminal gets this person; empty when terminals that hold a library do."""
    now = timezone.now()
    photo = reference_photo(person)
    accepted = any(one.status == PhotoStatus.OK for one in person.photos.all())
    reasons = [
        (photo is None, _("There is no photo yet.")),
        (photo is not None and not accepted, _("The photo has not been accepted.")),
        (person.category == Category.BLACKLIST, _("The person is on the blacklist.")),
        (person.state == PersonState.SUSPENDED, _("The person is suspended.")),
        (
            person.valid_from is not None and person.valid_from > now,
            _("The person may not pass yet."),
        ),
        (
            person.valid_until is not None and person.valid_until <= now,
            _("The person may no longer pass."),
        ),
        (not person.memberships.all(), _("The person is in no library.")),
    ]
    return [words for applies, words in reasons if applies]
