"""Terminals and the history of their connection."""

from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import (
    MaxValueValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
)
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from devices.calling.addresses import read_terminal_address
from devices.calling.errors import NotCallable
from devices.choices import Direction, Presence, TerminalStatus
from devices.models.site import Site
from server_common.change_tracking import WatchedManager
from server_common.crypto import SealedTextField

# unlockDelay of seed 9.2, in milliseconds.
UNLOCK_DELAY_MIN_MS = 20
UNLOCK_DELAY_MAX_MS = 5000


def validate_terminal_address(text: str) -> None:
    """Refuse anything but the host and port of a terminal, such as a whole URL."""
    try:
        read_terminal_address(text)
    except NotCallable:
        raise ValidationError(_("Give only host or host:port, nothing before or after.")) from None


class Terminal(models.Model):
    """A face terminal at a door, unmodified hardware or ``edge_agent``.

    Appears by itself when it first calls (pending), or is entered by a manager. Life:
    pending → approved ⇄ disabled. Only an approved terminal gets people and opens doors.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="terminals", on_delete=models.PROTECT
    )
    device_id = models.CharField(
        _("device ID"),
        max_length=32,
        validators=[ProhibitNullCharactersValidator()],
        help_text=_("As the terminal sends it: number or text, at most 32 characters."),
    )
    name = models.CharField(_("name"), max_length=64, blank=True)
    status = models.CharField(
        _("status"),
        max_length=10,
        choices=TerminalStatus.choices,
        default=TerminalStatus.PENDING,
    )
    direction = models.CharField(
        _("direction"), max_length=10, choices=Direction.choices, default=Direction.UNKNOWN
    )
    unlock_delay_ms = models.PositiveIntegerField(
        _("door stays unlocked (ms)"),
        default=3000,
        validators=[MinValueValidator(UNLOCK_DELAY_MIN_MS), MaxValueValidator(UNLOCK_DELAY_MAX_MS)],
    )
    all_libraries = models.BooleanField(
        _("holds every library"),
        default=False,
        help_text=_("Gets the people of every library of its site, later ones too."),
    )
    capacity = models.PositiveIntegerField(
        _("capacity (people)"),
        null=True,
        blank=True,
        help_text=_("How many faces the terminal can hold, if known."),
    )
    # Set when the terminal itself said that it is full (50009); a manager's figure overrules it.
    capacity_learnt_at = models.DateTimeField(_("capacity learnt"), null=True, editable=False)
    # What the terminal says of itself: DeviceObject (8.1.1) and the labels of chapter 9.
    model = models.CharField(_("model"), max_length=32, blank=True)
    app_version = models.CharField(_("firmware"), max_length=32, blank=True)
    web_version = models.CharField(_("web version"), max_length=32, blank=True)
    uuid_label = models.CharField(_("device number"), max_length=32, blank=True)
    nation_code = models.CharField(_("area code"), max_length=32, blank=True)
    server_url = models.CharField(_("server it reports to"), max_length=128, blank=True)
    # How the platform calls the terminal (chapters 4 to 8).
    api_address = models.CharField(
        _("own address"),
        max_length=128,
        blank=True,
        validators=[validate_terminal_address],
        help_text=_("host:port of the terminal's own interface, port 8899 as delivered."),
    )
    api_password = SealedTextField(
        _("terminal password"), blank=True, purpose="devices.terminal_password"
    )
    push_port = models.PositiveIntegerField(
        _("port of record push"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(65535)],
        help_text=_("9000 as delivered; empty: the platform does not subscribe to its records."),
    )
    presence = models.CharField(
        _("connection"),
        max_length=10,
        choices=Presence.choices,
        default=Presence.NEVER,
        editable=False,
    )
    presence_since = models.DateTimeField(_("since"), null=True, editable=False)
    last_seen_at = models.DateTimeField(_("last heard"), null=True, editable=False)
    last_address = models.GenericIPAddressField(_("last address"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    # Whether its latest request came under the secret address or on the bare path.
    used_token = models.BooleanField(default=True, db_default=True, editable=False)
    # From its first call under its own address on, the site's is refused for its device ID.
    own_address_since = models.DateTimeField(_("uses its own address"), null=True, editable=False)
    # Arrival minus what its uploads say, by the clock learnt from them; null while it is right.
    clock_learnt_s = models.FloatField(null=True, editable=False)
    # What is doubted of it, ``devices.clock_state.ClockState``; empty while nothing is.
    clock_learning = models.JSONField(default=dict, db_default={}, editable=False)
    # The same as shown, once it is called wrong.
    clock_skew_s = models.FloatField(_("clock difference (s)"), null=True, editable=False)
    clock_skew_since = models.DateTimeField(null=True, editable=False)
    clock_is_wrong = models.BooleanField(
        _("clock is wrong"), default=False, db_default=False, editable=False
    )
    approved_at = models.DateTimeField(_("approved"), null=True, editable=False)
    notes = models.TextField(_("notes"), blank=True)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("terminal")
        verbose_name_plural = _("terminals")
        ordering = ["site_id", "device_id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "device_id"], name="terminal_once_per_site"),
            models.CheckConstraint(
                condition=models.Q(
                    unlock_delay_ms__gte=UNLOCK_DELAY_MIN_MS,
                    unlock_delay_ms__lte=UNLOCK_DELAY_MAX_MS,
                ),
                name="terminal_unlock_delay_range",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=TerminalStatus.values), name="terminal_status_known"
            ),
            models.CheckConstraint(
                condition=~models.Q(device_id=""), name="terminal_device_id_given"
            ),
        ]
        indexes = [models.Index(fields=["device_id"], name="terminal_by_device_id")]
        permissions = [("open_door", "Can open a door from afar")]

    def __str__(self) -> str:
        return self.name or self.device_id

    @property
    def clock_stands_still(self) -> bool:
        """Whether its uploads go on saying one moment."""
        return bool(self.clock_learning.get("is_still"))


class PresenceChange(models.Model):
    """A terminal came online or went offline; written by the presence sweep, never changed."""

    # History of a terminal that no longer exists answers no question.
    terminal = models.ForeignKey(
        Terminal,
        verbose_name=_("terminal"),
        related_name="presence_changes",
        on_delete=models.CASCADE,
    )
    presence = models.CharField(_("connection"), max_length=10, choices=Presence.choices)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("connection change")
        verbose_name_plural = _("connection changes")
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["terminal", "-at"], name="presence_by_terminal")]

    def __str__(self) -> str:
        return f"{self.terminal} {self.presence} {self.at:%Y-%m-%d %H:%M:%S}"


class TerminalAddress(models.Model):
    """A terminal has called from this address; the first one is expected, others are alarmed.

    Written by the presence flush, not per request.
    """

    # Where a terminal that is gone once called from answers no question.
    terminal = models.ForeignKey(
        Terminal, verbose_name=_("terminal"), related_name="addresses", on_delete=models.CASCADE
    )
    address = models.GenericIPAddressField(_("address"))
    first_seen_at = models.DateTimeField(_("first seen"))
    # To within two minutes; null: not since this is noted.
    last_seen_at = models.DateTimeField(null=True, editable=False)
    # Since when it was silent while the terminal called from elsewhere, until that is dealt with.
    silent_since = models.DateTimeField(null=True, editable=False)
    # Set once the alarm was raised, or when there is nothing to alarm about.
    is_settled = models.BooleanField(default=False)
    # By a manager: the terminal lives here from then on, without a week of use.
    approved_at = models.DateTimeField(_("approved"), null=True, editable=False)

    class Meta:
        verbose_name = _("terminal's address")
        verbose_name_plural = _("terminals' addresses")
        ordering = ["-first_seen_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "address"], name="terminal_address_once"),
        ]
        indexes = [
            models.Index(
                fields=["id"],
                name="terminal_address_unsettled",
                condition=models.Q(is_settled=False),
            ),
            models.Index(
                fields=["id"],
                name="terminal_address_returned",
                condition=models.Q(silent_since__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} @ {self.address}"


class PresenceFlush(models.Model):
    """When sightings of terminals were written to the database last; one row.

    What is not written looks as if terminals had been silent. Made by the first flush.
    """

    flushed_at = models.DateTimeField()
    # Since when flushes have followed each other without a gap.
    steady_since = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        # A note of the platform to itself: there is nothing to permit.
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.flushed_at:%Y-%m-%d %H:%M:%S}"


class RepairCount(models.Model):
    """How often messages of a terminal had to be repaired in one way; counted, never reset."""

    # Counts of a terminal that no longer exists answer no question.
    terminal = models.ForeignKey(
        Terminal, verbose_name=_("terminal"), related_name="repairs", on_delete=models.CASCADE
    )
    kind = models.CharField(_("kind"), max_length=40)
    count = models.PositiveBigIntegerField(_("times"), default=0)
    first_at = models.DateTimeField(_("first"))
    last_at = models.DateTimeField(_("last"))

    class Meta:
        verbose_name = _("repaired messages")
        verbose_name_plural = _("repaired messages")
        ordering = ["-count", "kind"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "kind"], name="repair_count_once")
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.count}"
