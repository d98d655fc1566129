"""Values with stable names; the database and the REST interface use them as they stand."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class TerminalStatus(TextChoices):
    """Life of a terminal: pending → approved ⇄ disabled."""

    PENDING = "pending", _("Waiting for approval")
    APPROVED = "approved", _("Approved")
    DISABLED = "disabled", _("Disabled")


class Direction(TextChoices):
    """Which way people pass at a terminal (actionCode of seed 9.2: 1 in, 2 out)."""

    UNKNOWN = "unknown", _("Not said")
    IN = "in", _("In")
    OUT = "out", _("Out")
    BOTH = "both", _("In and out")


class Verification(TextChoices):
    """What a site does with the platform's own look at the picture of a pass."""

    OFF = "off", _("Off: believe the terminal")
    OBSERVE = "observe", _("Observe: compare and alarm, let the terminal decide")
    ENFORCE = "enforce", _("Enforce: open only when the face is confirmed")


class Unverifiable(TextChoices):
    """What an enforcing site does when a pass cannot be verified at all."""

    DENY = "deny", _("Keep the door closed")
    ALLOW = "allow", _("Believe the terminal")


class Presence(TextChoices):
    """What the platform knows of a terminal's connection: never → online ⇄ offline."""

    NEVER = "never", _("Never seen")
    ONLINE = "online", _("Online")
    OFFLINE = "offline", _("Offline")


class Trust(TextChoices):
    """By what the platform knows that it is this terminal that calls."""

    TOKEN_AND_ADDRESS = "token_and_address", _("Secret address and known network")
    TOKEN = "token", _("Secret address")
    ADDRESS = "address", _("Known network only")
    OPEN = "open", _("Nothing: anybody may pose as it")


class Role(TextChoices):
    """What a member of a site may do there."""

    MANAGER = "manager", _("Manager")
    GUARD = "guard", _("Guard: look and acknowledge")
