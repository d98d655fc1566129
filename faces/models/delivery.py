"""What became of each person's latest change on each terminal."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Terminal
from faces.choices import DeliveryState, Operation
from faces.models.person import Person


class Delivery(models.Model):
    """One person's latest change on its way to one terminal.

    pending (the terminal has not asked yet) → sent (it was in an answer) → stored | failed (the
    terminal's syresult, with its code and words). A newer change starts over at pending.
    ``held`` tells whether the terminal may hold the face, as far as anybody can know: from the
    first time it was sent until a delete is confirmed.
    """

    # Nobody asks what a terminal that is gone once held.
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
        max_length=8,
        choices=DeliveryState.choices,
        default=DeliveryState.PENDING,
    )
    sync_stamp = models.BigIntegerField(default=0, editable=False)
    held = models.BooleanField(_("may be on the terminal"), default=False)
    code = models.CharField(_("code"), max_length=8, blank=True)
    message = models.CharField(_("message"), max_length=255, blank=True)
    attempts = models.PositiveIntegerField(_("times sent"), default=0)
    changed_at = models.DateTimeField(_("changed"))
    sent_at = models.DateTimeField(_("sent"), null=True)
    downloaded_at = models.DateTimeField(_("picture fetched"), null=True)
    answered_at = models.DateTimeField(_("answered"), null=True)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        ordering = ["-changed_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "user_id"], name="delivery_once"),
            models.CheckConstraint(
                condition=models.Q(state__in=DeliveryState.values), name="delivery_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["terminal", "state"], name="delivery_by_state"),
            models.Index(fields=["user_id"], name="delivery_by_user_id"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} → {self.terminal_id}: {self.state}"
