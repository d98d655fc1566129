"""Values with stable names; the database and the REST interface use them as they stand."""

from django.db.models import IntegerChoices, TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

# A save without an answer is sent again so often, each time after the site's time for answers.
SAVE_REPEATS = 3


class Category(IntegerChoices):
    """Category of a person: userType of seed 8.2.1; -1 (stranger) is never a person on file."""

    EMPLOYEE = 1, _("Resident or employee")
    VISITOR = 2, _("Visitor")
    BLACKLIST = 3, _("Blacklist")


class Sex(IntegerChoices):
    """Sex of a person, as in seed 9.1."""

    MALE = 1, _("Male")
    FEMALE = 2, _("Female")
    OTHER = 3, _("Other")


class PersonState(TextChoices):
    """State of a person: active ⇄ suspended; the latter are on no terminal and open no door."""

    ACTIVE = "active", pgettext_lazy("person", "Active")
    SUSPENDED = "suspended", _("Suspended")


class PhotoStatus(TextChoices):
    """Life of a reference photo: waiting → ok | refused."""

    WAITING = "waiting", _("Waiting to be checked")
    OK = "ok", _("Accepted")
    REFUSED = "refused", _("Refused")


class Operation(TextChoices):
    """Operation on a face, as in seed 9.1."""

    SAVE = "save", _("Store")
    DELETE = "delete", _("Delete")


class DeliveryState(TextChoices):
    """Life of one person's change on one terminal: pending → sent → stored | failed.

    Without an answer in time: sent → unconfirmed (sent again a few times, a late answer still
    counts), or fetched at a terminal that never sends results at all.
    """

    PENDING = "pending", _("To be sent")
    SENT = "sent", _("Sent, no answer yet")
    STORED = "stored", _("Stored")
    FAILED = "failed", _("Failed")
    UNCONFIRMED = "unconfirmed", _("Unconfirmed")
    FETCHED = "fetched", _("Fetched, does not report")


# A confirmed delete is forgotten, not stored.
_DELETE_WORDS = {
    DeliveryState.PENDING: _("To be forgotten"),
    DeliveryState.SENT: _("Told to forget"),
    DeliveryState.STORED: _("Forgotten"),
    DeliveryState.FAILED: _("Not forgotten"),
}


def delivery_label(operation: str, state: str) -> str:
    """Return in a word how far a save or a delete is."""
    known = DeliveryState(state)
    is_delete = operation == Operation.DELETE
    return str(_DELETE_WORDS.get(known, known.label) if is_delete else known.label)


class DeliveryOutcome(TextChoices):
    """How far a save or a delete is, each by its own word: a confirmed delete is forgotten."""

    PENDING = DeliveryState.PENDING
    SENT = DeliveryState.SENT
    STORED = DeliveryState.STORED
    FORGOTTEN = "forgotten"
    FAILED = DeliveryState.FAILED
    UNCONFIRMED = DeliveryState.UNCONFIRMED
    FETCHED = DeliveryState.FETCHED


def delivery_outcome(operation: str, state: str) -> DeliveryOutcome:
    """Return how far a save or a delete is."""
    if operation == Operation.DELETE and state == DeliveryState.STORED:
        return DeliveryOutcome.FORGOTTEN
    return DeliveryOutcome(state)


class Remedy(TextChoices):
    """What has to be done by hand so that a terminal holds a face, or forgets it."""

    RETAKE = "retake", _("Take a new photo")
    FREE_SPACE = "free_space", _("Free space on the terminal")
    CORRECT_ENTRY = "correct_entry", _("Correct the person's entry")
    LOOK_AT_TERMINAL = "look_at_terminal", _("Look at the terminal")


class RevocationState(TextChoices):
    """State of a revocation: open → forgotten | withdrawn.

    Unconfirmed: sent three times; a late answer still counts.
    """

    OPEN = "open", _("Doors still to forget")
    UNCONFIRMED = "unconfirmed", _("Told three times, not confirmed")
    FORGOTTEN = "forgotten", _("Every door forgot")
    WITHDRAWN = "withdrawn", _("The person came back before")
