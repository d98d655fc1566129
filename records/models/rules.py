"""A site's rules of passing beyond those on its own row."""

from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from devices.models import Site
from records.choices import Passback
from server_common.change_tracking import WatchedManager

SIMILARITY_MAX = 100
# A day: a person not seen leaving yesterday is let in today.
PASSBACK_MAX_MINUTES = 24 * 60


class PassRules(models.Model):
    """What a site asks beside temperature, mask and verification; no row asks nothing.

    Entered by a manager, read at each pass.
    """

    # Rules without their site restrict no person.
    site = models.OneToOneField(
        Site, verbose_name=_("site"), related_name="pass_rules", on_delete=models.CASCADE
    )
    similarity_floor = models.PositiveSmallIntegerField(
        _("lowest similarity believed"),
        null=True,
        blank=True,
        validators=[MaxValueValidator(SIMILARITY_MAX)],
        help_text=_("0–100 as terminals report it; empty: any. Not reported is not too low."),
    )
    photo_on_file_closes_door = models.BooleanField(
        _("the photo on file opens no door"),
        default=False,
        db_default=False,
        help_text=_(
            "A pass whose picture is the person's own photo, sent back instead of a face, is "
            "alarmed about in any case; on: it keeps the door closed."
        ),
    )
    passback = models.CharField(
        _("same direction twice"),
        max_length=8,
        choices=Passback.choices,
        default=Passback.OFF,
        help_text=_(
            "Somebody who went in and did not come out goes in again. "
            "Only terminals whose direction is in or out are counted."
        ),
    )
    passback_minutes = models.PositiveIntegerField(
        _("counted as twice for (minutes)"),
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(PASSBACK_MAX_MINUTES)],
    )

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("rules of passing")
        verbose_name_plural = _("rules of passing")
        ordering = ["site_id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(passback__in=Passback.values), name="pass_rules_passback_known"
            ),
            models.CheckConstraint(
                condition=models.Q(similarity_floor__isnull=True)
                | models.Q(similarity_floor__lte=SIMILARITY_MAX),
                name="pass_rules_floor_range",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    passback_minutes__gte=1, passback_minutes__lte=PASSBACK_MAX_MINUTES
                ),
                name="pass_rules_minutes_range",
            ),
        ]

    def __str__(self) -> str:
        return str(self.site)
