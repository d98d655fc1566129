"""Pictures of terminals that are not approved yet, kept as they came."""

import secrets
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

from records.models.record import Record

WAITING_ROOT: Final = "records/waiting"


def waiting_path(_picture: models.Model, _name: str) -> str:
    """Return where a picture waits: by chance, so that no two ever share a file."""
    name = secrets.token_hex(16)
    return f"{WAITING_ROOT}/{name[:2]}/{name}.bin"


class WaitingPicture(models.Model):
    """A picture that is not decoded before its terminal is approved.

    Made with its record; gone when it has been decoded, or has waited for too long.
    """

    # Without its record a picture is nothing.
    record = models.ForeignKey(Record, related_name="waiting_pictures", on_delete=models.CASCADE)
    # Name of the record's field that it belongs in.
    place = models.CharField(max_length=16, editable=False)
    file = models.FileField(upload_to=waiting_path, max_length=160)
    size = models.PositiveIntegerField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("picture that waits")
        verbose_name_plural = _("pictures that wait")
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["record", "place"], name="waiting_picture_once"),
        ]

    def __str__(self) -> str:
        return f"{self.place} #{self.record_id}"
