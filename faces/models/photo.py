"""Reference photos and the descriptors computed from them."""

import secrets

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from faces.choices import PhotoStatus
from faces.models.person import Person


def photo_path(_photo: models.Model, _name: str) -> str:
    """Return a storage path that says nothing of the person and cannot be guessed."""
    token = secrets.token_hex(16)
    return f"faces/{token[:2]}/{token}.jpg"


class FacePhoto(models.Model):
    """A photo by which a person is recognised.

    Life: waiting (the recogniser is not there yet) → ok | refused. What is stored of an accepted
    photo is the normalised JPEG that terminals get (300–500 px, seed 9.1), nothing of the
    original. A new photo replaces the person's earlier ones.
    """

    # Erasing a person erases their photos; the file goes by FileToDelete.
    person = models.ForeignKey(
        Person, verbose_name=_("person"), related_name="photos", on_delete=models.CASCADE
    )
    image = models.FileField(_("photo"), upload_to=photo_path, max_length=80)
    sha256 = models.CharField(max_length=64, editable=False)
    # By which a copy of it is known again (``face_engine.picture_hash``); filled when first used.
    picture_hash = models.CharField(
        max_length=16, blank=True, default="", db_default="", editable=False
    )
    status = models.CharField(
        _("status"), max_length=10, choices=PhotoStatus.choices, default=PhotoStatus.WAITING
    )
    problems = models.JSONField(_("problems"), default=list, blank=True)
    quality = models.JSONField(_("quality"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("photo")
        verbose_name_plural = _("photos")
        ordering = ["person_id", "-id"]
        indexes = [
            models.Index(
                fields=["id"],
                name="photo_waiting",
                condition=models.Q(status=PhotoStatus.WAITING),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} #{self.pk}"


class FaceDescriptor(models.Model):
    """The numbers by which one model knows one photo; float32, L2-normalised, sealed at rest.

    ``revision`` is the gallery's revision at which it joined, so that a running process finds
    what is new since it last looked.
    """

    # Numbers of a photo that is gone must go too.
    photo = models.ForeignKey(FacePhoto, related_name="descriptors", on_delete=models.CASCADE)
    gallery = models.ForeignKey(
        "faces.Gallery", related_name="descriptors", on_delete=models.CASCADE
    )
    sealed = models.BinaryField()
    revision = models.BigIntegerField()

    class Meta:
        verbose_name = _("descriptor")
        verbose_name_plural = _("descriptors")
        ordering = ["gallery_id", "revision", "id"]
        constraints = [
            models.UniqueConstraint(fields=["photo", "gallery"], name="descriptor_once_per_model"),
        ]
        indexes = [models.Index(fields=["gallery", "revision"], name="descriptor_by_revision")]

    def __str__(self) -> str:
        return f"{self.photo_id} @ {self.revision}"
