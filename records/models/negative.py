"""Faces that were taken for another person."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from faces.models import Person
from records.models.record import Record


class FaceNegative(models.Model):
    """A manager said of a pass: this is not the person. Removed again by undoing it.

    A picture of a pass that is closer to this face than to the person's own photos is not
    believed. Holds the face as numbers of one model, float32, L2-normalised, sealed at rest;
    no other person is compared with it.
    """

    # Erasing a person erases every face that was ever compared with theirs.
    person = models.ForeignKey(
        Person, verbose_name=_("person"), related_name="negatives", on_delete=models.CASCADE
    )
    # The mistake stays known after the record has gone by the retention policy.
    record = models.OneToOneField(
        Record,
        verbose_name=_("record"),
        related_name="negative",
        null=True,
        on_delete=models.SET_NULL,
    )
    contract_id = models.CharField(max_length=120, editable=False)
    sealed = models.BinaryField()
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("said by"),
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )

    class Meta:
        verbose_name = _("face that is not the person's")
        verbose_name_plural = _("faces that are not the person's")
        ordering = ["person_id", "id"]
        indexes = [models.Index(fields=["person", "contract_id"], name="negative_by_person")]

    def __str__(self) -> str:
        return f"{self.person_id} ≠ #{self.record_id}"
