"""Passes and temperature readings, kept whatever their content (invariant 4)."""

import secrets

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site, Terminal
from faces.models import Person
from records.choices import Origin, Reason, RecordKind, VerificationResult
from server_common.crypto import SealedTextField


def picture_path(picture: models.Model, _name: str) -> str:
    """Return where a picture is stored: by content within its site, and by chance.

    No file gets a name that another one has had, so none that is swept can come to be named.
    """
    if not isinstance(picture, Picture):
        raise TypeError("only pictures of records are stored here")
    name = f"{picture.sha256}-{secrets.token_hex(8)}.jpg"
    return f"records/{picture.site_id}/{picture.sha256[:2]}/{name}"


class Picture(models.Model):
    """A snapshot sent by a terminal, as a clean JPEG; the same picture is stored once a site."""

    site = models.ForeignKey(Site, related_name="pictures", on_delete=models.PROTECT)
    sha256 = models.CharField(max_length=64, editable=False)
    image = models.FileField(_("picture"), upload_to=picture_path, max_length=120)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("picture")
        verbose_name_plural = _("pictures")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "sha256"], name="picture_once_per_site"),
        ]

    def __str__(self) -> str:
        return f"{self.width}×{self.height} #{self.pk}"


class Record(models.Model):
    """One message of a terminal: a person passed (9.2) or a temperature was taken (9.3).

    Written once, in the transaction whose commit the answer to the terminal waits for; the same
    message sent again finds this row by ``dedupe_key`` and is counted on it. What could not be
    understood is named in ``faults``, what we have no column for is in ``extras``.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="records", on_delete=models.PROTECT
    )
    terminal = models.ForeignKey(
        Terminal, verbose_name=_("terminal"), related_name="records", on_delete=models.PROTECT
    )
    kind = models.CharField(_("kind"), max_length=12, choices=RecordKind.choices)
    origin = models.CharField(
        _("origin"),
        max_length=8,
        choices=Origin.choices,
        default=Origin.UPLOADED,
        db_default=Origin.UPLOADED,
    )
    dedupe_key = models.CharField(max_length=64, editable=False)
    person = models.ForeignKey(
        Person,
        verbose_name=_("person"),
        related_name="records",
        null=True,
        on_delete=models.SET_NULL,
    )
    user_id = models.CharField(_("user ID"), max_length=64, blank=True)
    user_name = models.CharField(_("name"), max_length=120, blank=True)
    user_type = models.CharField(_("type"), max_length=64, blank=True)
    captured_at = models.DateTimeField(_("captured"), null=True)
    received_at = models.DateTimeField(_("received"))
    clock_skew_s = models.FloatField(_("clock difference (s)"), null=True)
    # Not of now when it arrived: it waited on the terminal, or a clock is not known yet.
    is_late = models.BooleanField(_("arrived late"), default=False, db_default=False)
    # By the terminal's clock as far as it is known; null where it is not.
    late_s = models.FloatField(_("late by (s)"), null=True)
    repeats = models.PositiveIntegerField(_("repeated (times)"), default=0, db_default=0)
    repeated_at = models.DateTimeField(_("repeated last"), null=True)
    temperature_c = models.DecimalField(
        _("temperature (°C)"), max_digits=5, decimal_places=2, null=True
    )
    mask = models.BooleanField(_("mask"), null=True)
    similarity = models.FloatField(_("similarity (terminal)"), null=True)
    action_code = models.IntegerField(_("direction code"), null=True)
    action = models.CharField(_("direction"), max_length=64, blank=True)
    open_code = models.IntegerField(_("opening code"), null=True)
    open_message = models.CharField(_("opening text"), max_length=128, blank=True)
    uuid_label = models.CharField(_("device number"), max_length=64, blank=True)
    nation_code = models.CharField(_("area code"), max_length=64, blank=True)
    id_card_name = models.CharField(_("name on ID card"), max_length=64, blank=True)
    # Number, address, birthday … as JSON; it is not searched, so it is sealed whole.
    id_card = SealedTextField(_("ID card"), blank=True, purpose="records.id_card")
    picture = models.ForeignKey(
        Picture,
        verbose_name=_("picture"),
        related_name="records",
        null=True,
        on_delete=models.SET_NULL,
    )
    id_card_picture = models.ForeignKey(
        Picture,
        verbose_name=_("portrait on ID card"),
        related_name="card_records",
        null=True,
        on_delete=models.SET_NULL,
    )
    verification = models.CharField(
        _("verification"),
        max_length=12,
        choices=VerificationResult.choices,
        default=VerificationResult.OFF,
    )
    verification_score = models.FloatField(_("similarity (platform)"), null=True)
    door_opened = models.BooleanField(_("door opened"), default=False)
    unlock_delay_ms = models.PositiveIntegerField(_("unlocked for (ms)"), default=0)
    reason = models.CharField(_("reason"), max_length=24, choices=Reason.choices)
    # Every input of the decision, scores, thresholds and milliseconds per step.
    trace = models.JSONField(_("decision in detail"), default=dict)
    extras = models.JSONField(_("other fields"), default=dict)
    faults = models.JSONField(_("faults"), default=list)
    # Messages that reported the same pass another way (``services.passes.duplicates``).
    also_told = models.JSONField(default=list, db_default=[], editable=False)

    class Meta:
        verbose_name = _("record")
        verbose_name_plural = _("records")
        ordering = ["-received_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "dedupe_key"], name="record_once"),
            models.CheckConstraint(
                condition=models.Q(kind__in=RecordKind.values), name="record_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(door_opened=False) | models.Q(reason=Reason.ALLOWED),
                name="record_opened_only_if_allowed",
                violation_error_message=_("A door opens only for a pass that was allowed."),
            ),
        ]
        indexes = [
            models.Index(fields=["-received_at", "-id"], name="record_newest"),
            models.Index(fields=["site", "-received_at", "-id"], name="record_newest_of_site"),
            models.Index(fields=["terminal", "-received_at"], name="record_by_terminal"),
            models.Index(fields=["user_id", "-received_at"], name="record_by_user_id"),
            # A few among very many, which a list of them would have to go through.
            models.Index(
                fields=["-received_at", "-id"],
                name="record_late",
                condition=models.Q(is_late=True),
            ),
            # Likewise; at most sites few are not opened to, and few readings are no passes.
            models.Index(
                fields=["-received_at", "-id"],
                name="record_not_opened",
                condition=models.Q(door_opened=False),
            ),
            models.Index(
                fields=["-received_at", "-id"],
                name="record_temperatures",
                condition=models.Q(kind=RecordKind.TEMPERATURE),
            ),
            models.Index(
                fields=["verification", "-received_at", "-id"],
                name="record_verified",
                condition=~models.Q(verification=VerificationResult.OFF),
            ),
            # "Has this pass come already?", asked for each pass that is fetched.
            models.Index(fields=["terminal", "captured_at"], name="record_by_captured"),
        ]

    def __str__(self) -> str:
        return f"{RecordKind(self.kind).label} #{self.pk}"


class FormerRecord(models.Model):
    """The number of a fetched or pushed record whose place an upload of the same pass has taken.

    Made when that happens, so that links and pictures under the former number go on, and gone with
    the record.
    """

    id = models.BigIntegerField(primary_key=True)
    # It leads to that record and to nothing else.
    record = models.ForeignKey(Record, related_name="former", on_delete=models.CASCADE)

    class Meta:
        verbose_name = _("former number of a record")
        verbose_name_plural = _("former numbers of records")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"#{self.pk} → #{self.record_id}"


class RecordCursor(models.Model):
    """Up to which moment a terminal's own records have been fetched (seed 8.3.2).

    By the terminal's clock, which is what its list is asked by. Written when a whole range has
    been stored, so that one that broke off is fetched again from where it began.
    """

    # Where a terminal that is gone was read to says nothing.
    terminal = models.OneToOneField(
        Terminal, primary_key=True, related_name="record_cursor", on_delete=models.CASCADE
    )
    fetched_until = models.DateTimeField(_("fetched until"))
    fetched_at = models.DateTimeField(_("fetched"))

    class Meta:
        verbose_name = _("position in a terminal's records")
        verbose_name_plural = _("positions in terminals' records")
        ordering = ["terminal_id"]

    def __str__(self) -> str:
        return f"{self.terminal_id} ≤ {self.fetched_until:%Y-%m-%d %H:%M:%S}"
