"""What became of each person's latest change on each terminal."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site, Terminal
from faces.choices import (
    DeliveryState,
    Operation,
    Remedy,
    RevocationState,
    delivery_label,
)
from faces.models.person import Person


class Revocation(models.Model):
    """A person that terminals must forget: erased, suspended, moved, or the visit is over.

    open → forgotten (the last door confirmed) | withdrawn (the person came back before), or
    unconfirmed while a door has been sent it as often as is useful. Begins in the transaction that
    takes the person away. One that is open takes in what is taken away later.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="revocations", on_delete=models.CASCADE
    )
    user_id = models.CharField(_("user ID"), max_length=32)
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=RevocationState.choices,
        default=RevocationState.OPEN,
    )
    begun_at = models.DateTimeField(_("decided"))
    ended_at = models.DateTimeField(_("last door forgot"), null=True)
    doors = models.PositiveIntegerField(_("doors"), default=0)

    class Meta:
        verbose_name = _("revocation")
        verbose_name_plural = _("revocations")
        ordering = ["-begun_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site", "user_id"],
                condition=models.Q(ended_at__isnull=True),
                name="revocation_open_once",
                violation_error_message=_("This user ID is being revoked at this site already."),
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=RevocationState.values),
                name="revocation_state_known",
            ),
            models.CheckConstraint(
                condition=models.Q(ended_at__isnull=True, state__in=["open", "unconfirmed"])
                | models.Q(ended_at__isnull=False, state__in=["forgotten", "withdrawn"]),
                name="revocation_ended_when_over",
                violation_error_message=_("A revocation has an end if and only if it is over."),
            ),
        ]
        indexes = [models.Index(fields=["state", "begun_at"], name="revocation_by_state")]

    def __str__(self) -> str:
        return f"{self.user_id}: {RevocationState(self.state).label}"


class Delivery(models.Model):
    """One person's latest change on its way to one terminal.

    pending (the terminal has not asked yet) → sent (it was in an answer) → stored | failed (the
    terminal's syresult, with its code and words). A newer change starts over at pending.
    A save without an answer in time: sent → unconfirmed → sent …, three times, then it stays
    unconfirmed; sent → fetched at a terminal that never reported anything.
    ``held`` tells whether the terminal may hold the face, as far as can be known: from the
    first time it was sent until a delete is confirmed.

    A failed one either has a moment of its next try (``retry_at``) or says what a person has to
    do (``remedy``). ``again_stamp`` is the clock's value at which this face is sent once more to
    this terminal alone; it counts when it is greater than the person's own stamp.
    ``again_before`` is what it was before it was set for want of an answer: an answer sets it
    back, so that nothing is sent that is confirmed.
    """

    # What a terminal that is gone once held is of no use.
    terminal = models.ForeignKey(
        Terminal, verbose_name=_("terminal"), related_name="deliveries", on_delete=models.CASCADE
    )
    # The erased person's row is gone while the delete is still followed, hence user_id beside it.
    person = models.ForeignKey(
        Person,
        verbose_name=_("person"),
        related_name="deliveries",
        null=True,
        on_delete=models.SET_NULL,
    )
    user_id = models.CharField(_("user ID"), max_length=32)
    operation = models.CharField(
        _("operation"), max_length=6, choices=Operation.choices, default=Operation.SAVE
    )
    state = models.CharField(
        _("state"),
        max_length=12,
        choices=DeliveryState.choices,
        default=DeliveryState.PENDING,
    )
    sync_stamp = models.BigIntegerField(default=0, editable=False)
    again_stamp = models.BigIntegerField(null=True, editable=False)
    again_before = models.BigIntegerField(null=True, editable=False)
    held = models.BooleanField(_("may be on the terminal"), default=False)
    # What the latest save said of the person, for its delete (``services.delivery.entries``).
    sent_text = models.TextField(default="", db_default="", db_column="told", editable=False)
    # The save was still unanswered when the delete was decided: a success may be about that.
    save_unanswered = models.BooleanField(default=False, db_default=False, editable=False)
    # Under which address token the latest delete was fetched (0: the bare path, null: not fetched,
    # -1: only by callers whose word does not count, ``believed``), and from where. Both columns
    # have the database's default, so that entering saves says nothing of them.
    told_token = models.BigIntegerField(null=True, editable=False)
    told_from = models.CharField(max_length=45, db_default="", editable=False)
    # Its ``attempts`` when a success came from another address, which was not believed.
    doubted = models.PositiveIntegerField(db_default=0, editable=False)
    code = models.CharField(_("code"), max_length=8, blank=True)
    message = models.CharField(_("message"), max_length=255, blank=True)
    attempts = models.PositiveIntegerField(_("times sent"), default=0)
    unanswered = models.PositiveSmallIntegerField(_("times unanswered"), default=0, db_default=0)
    changed_at = models.DateTimeField(_("changed"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    downloaded_at = models.DateTimeField(_("picture fetched"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)
    retry_at = models.DateTimeField(_("next try"), null=True)
    remedy = models.CharField(
        _("what to do"),
        max_length=16,
        choices=Remedy.choices,
        blank=True,
        default="",
        db_default="",
    )
    # Measures nothing once it is gone, and the delivery goes on.
    revocation = models.ForeignKey(
        Revocation,
        related_name="deliveries",
        null=True,
        editable=False,
        on_delete=models.SET_NULL,
    )

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-changed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "user_id"], name="delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=DeliveryState.values), name="delivery_state_known"
            ),
            models.CheckConstraint(
                condition=models.Q(remedy__in=["", *Remedy.values]), name="delivery_remedy_known"
            ),
            models.CheckConstraint(
                condition=models.Q(retry_at__isnull=True) | models.Q(state="failed", remedy=""),
                name="delivery_retries_when_failed",
                violation_error_message=_("Only a delivery that failed by chance is tried again."),
            ),
        ]
        indexes = [
            models.Index(fields=["-changed_at", "-id"], name="delivery_newest"),
            models.Index(fields=["terminal", "state"], name="delivery_by_state"),
            models.Index(fields=["user_id"], name="delivery_by_user_id"),
            models.Index(
                fields=["sent_at"],
                name="delivery_unanswered",
                condition=models.Q(operation="save", state="sent"),
            ),
            models.Index(
                fields=["terminal"],
                name="delivery_unconfirmed",
                condition=models.Q(state="unconfirmed"),
            ),
            models.Index(
                fields=["retry_at"],
                name="delivery_due",
                condition=models.Q(retry_at__isnull=False),
            ),
            models.Index(
                fields=["terminal", "again_stamp"],
                name="delivery_again",
                condition=models.Q(again_stamp__isnull=False),
            ),
            models.Index(
                fields=["terminal", "sync_stamp"],
                name="delivery_delete_by_stamp",
                condition=models.Q(operation="delete"),
            ),
            models.Index(
                fields=["terminal", "remedy"],
                name="delivery_by_remedy",
                condition=~models.Q(remedy=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} → {self.terminal}: {delivery_label(self.operation, self.state)}"
