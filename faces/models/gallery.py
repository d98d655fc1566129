"""The gallery of a site: all its descriptors under one model, and its published index."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site


class Gallery(models.Model):
    """What 1:N recognition searches at one site under one model (its embedding contract).

    ``revision`` grows by one with each change, under this row's lock. ``published_revision`` is
    what the index file holds; running processes load the file and apply what came after it.
    """

    # A gallery is derived from its site's people.
    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="galleries", on_delete=models.CASCADE
    )
    contract_id = models.CharField(_("model"), max_length=120)
    revision = models.BigIntegerField(default=0)
    published_revision = models.BigIntegerField(default=0)
    published_path = models.CharField(max_length=120, blank=True)
    published_size = models.PositiveIntegerField(_("faces"), default=0)
    published_at = models.DateTimeField(_("built"), null=True)
    # Removals up to here have been forgotten; a process that is older loads the file anew.
    removals_from = models.BigIntegerField(default=0)

    class Meta:
        verbose_name = _("gallery")
        verbose_name_plural = _("galleries")
        ordering = ["site_id", "contract_id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "contract_id"], name="gallery_once_per_model"),
        ]

    def __str__(self) -> str:
        return f"{self.site} · {self.contract_id}"


class GalleryRemoval(models.Model):
    """A descriptor left the gallery at this revision; kept until an index without it is out."""

    gallery = models.ForeignKey(Gallery, related_name="removals", on_delete=models.CASCADE)
    descriptor_id = models.BigIntegerField()
    revision = models.BigIntegerField()

    class Meta:
        verbose_name = _("gallery removal")
        verbose_name_plural = _("gallery removals")
        ordering = ["gallery_id", "revision", "id"]
        indexes = [models.Index(fields=["gallery", "revision"], name="removal_by_revision")]

    def __str__(self) -> str:
        return f"{self.descriptor_id} @ {self.revision}"


class FileToDelete(models.Model):
    """A stored file marked for deletion, which a task safe to repeat deletes after commit.

    The row outlives a crash between the database and the storage, so no photo of an erased
    person stays behind.
    """

    path = models.CharField(max_length=200, unique=True)
    attempts = models.PositiveIntegerField(default=0)

    class Meta:
        db_table = "faces_doomedfile"
        verbose_name = _("file to delete")
        verbose_name_plural = _("files to delete")
        ordering = ["id"]

    def __str__(self) -> str:
        return f"#{self.pk}"
