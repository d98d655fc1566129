"""Sites and the secret segments of their BaseUrls."""

import secrets
import zoneinfo
from decimal import Decimal
from functools import cache
from ipaddress import ip_network
from typing import ClassVar, Self

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from devices.choices import LatePasses, Unverifiable, Verification
from server_common.change_tracking import WatchedManager
from server_common.crypto import SealedTextField


@cache
def _timezones() -> frozenset[str]:
    """Return all names of the time zone database, which are read from hundreds of files."""
    return frozenset(zoneinfo.available_timezones())


def validate_timezone(name: str) -> None:
    """Refuse a name that the time zone database does not know."""
    if name not in _timezones():
        raise ValidationError(_("Unknown time zone, use a name like Asia/Shanghai."))


NETWORKS_MOST = 200


def validate_networks(networks: object) -> None:
    """Refuse anything but a list of IP addresses or CIDR networks."""
    if not isinstance(networks, list):
        raise ValidationError(_("Give a list of addresses or networks."))
    if len(networks) > NETWORKS_MOST:
        # Every call of a terminal is compared with each of them.
        raise ValidationError(_("Give at most %(most)d networks."), params={"most": NETWORKS_MOST})
    for network in networks:
        try:
            ip_network(str(network), strict=False)
        except ValueError:
            raise ValidationError(
                _("%(network)s is not an address or network."), params={"network": network}
            ) from None


# Without those that look alike when a person types an address from paper.
_TAG_CHARACTERS = "abcdefghjkmnpqrstuvwxyz23456789"
_TAG_LENGTH = 5


def new_address_tag() -> str:
    """Return what a site's addresses begin with: random, so that it says nothing of the site."""
    return "".join(secrets.choice(_TAG_CHARACTERS) for _ in range(_TAG_LENGTH))


class Site(models.Model):
    """A community, school or company: the border of who may see what.

    Created by an administrator. Everything else belongs to exactly one site, and a manager sees
    nothing of a site that is not theirs.
    """

    code = models.CharField(
        _("code"),
        max_length=40,
        unique=True,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_\-]*$")],
        help_text=_("Short name without blanks, used in addresses and exports."),
    )
    name = models.CharField(_("name"), max_length=120)
    # A proxy in front can send each site's terminals to a server of their own by it.
    address_tag = models.CharField(
        _("tag of its addresses"),
        max_length=8,
        unique=True,
        default=new_address_tag,
        editable=False,
    )
    timezone = models.CharField(
        _("time zone"), max_length=64, default="Asia/Shanghai", validators=[validate_timezone]
    )
    allow_bare_path = models.BooleanField(
        _("serve the address without a token"),
        default=False,
        help_text=_("Anybody who reaches the platform can then pose as a terminal of this site."),
    )
    auto_approve = models.BooleanField(
        _("approve new terminals by itself"),
        default=False,
        help_text=_("New terminals get the people of all libraries without being asked about."),
    )
    newcomers_per_hour = models.PositiveIntegerField(
        _("new terminals an hour"),
        default=30,
        db_default=30,
        validators=[MinValueValidator(1), MaxValueValidator(100_000)],
        help_text=_(
            "More than these within an hour raise one alert, and further ones wait for approval."
        ),
    )
    allowed_networks = models.JSONField(
        _("allowed addresses"),
        default=list,
        blank=True,
        validators=[validate_networks],
        help_text=_("Networks that terminals may come from; empty means any."),
    )
    verification = models.CharField(
        _("verification of passes"),
        max_length=10,
        choices=Verification.choices,
        default=Verification.OBSERVE,
    )
    when_unverifiable = models.CharField(
        _("when a pass cannot be verified"),
        max_length=10,
        choices=Unverifiable.choices,
        default=Unverifiable.DENY,
        help_text=_("No face in the picture, no photo on file, or the recogniser is not there."),
    )
    # 37.3 °C is the limit in common use at Chinese doors; terminals offer 37.0 to 37.5 (8.1.4).
    temperature_limit_c = models.DecimalField(
        _("temperature limit (°C)"),
        max_digits=3,
        decimal_places=1,
        default=Decimal("37.3"),
        validators=[MinValueValidator(Decimal("35")), MaxValueValidator(Decimal("42"))],
    )
    fever_closes_door = models.BooleanField(_("fever keeps the door closed"), default=True)
    mask_required = models.BooleanField(_("mask required"), default=False)
    late_passes = models.CharField(
        _("passes that arrive late"),
        max_length=8,
        choices=LatePasses.choices,
        default=LatePasses.STRICT,
        db_default=LatePasses.STRICT,
        help_text=_("More than a minute old: the terminal kept them while it was cut off."),
    )
    offline_after_s = models.PositiveIntegerField(
        _("offline after (seconds)"),
        default=120,
        # Beyond a month silence says nothing; without an end, the sweep's sums overflow.
        validators=[MinValueValidator(10), MaxValueValidator(30 * 24 * 3600)],
        help_text=_("A terminal that was not heard for this long counts as offline."),
    )
    unconfirmed_after_s = models.PositiveIntegerField(
        _("unconfirmed after (seconds)"),
        # A page of 500 photos takes a slow terminal some twenty minutes, and some report at its
        # end only.
        default=3600,
        db_default=3600,
        validators=[MinValueValidator(60), MaxValueValidator(30 * 24 * 3600)],
        help_text=_(
            "A face that a terminal fetched and did not report on for this long is told again, "
            "three times at most."
        ),
    )
    # Set by the demonstration for the site it made, and by nothing else: names and codes change.
    is_demonstration = models.BooleanField(default=False, db_default=False, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("site")
        verbose_name_plural = _("sites")
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(verification__in=Verification.values),
                name="site_verification_known",
            ),
            models.UniqueConstraint(
                fields=["is_demonstration"],
                condition=models.Q(is_demonstration=True),
                name="site_one_demonstration",
                violation_error_message=_("There is a demonstration already."),
            ),
            models.CheckConstraint(
                condition=models.Q(late_passes__in=LatePasses.values),
                name="site_late_passes_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SiteToken(models.Model):
    """One secret segment of a BaseUrl, ``/t/<token>``: a site's, or one terminal's own.

    Created with the site and at each rotation, and when a terminal gets an address of its own.
    Life: current (no end) → overlapping (ends in the future) → ended. The token is stored sealed,
    because managers must read the BaseUrl again, and found by its keyed digest.
    """

    # A token without its site authenticates nothing, so it goes with it.
    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="tokens", on_delete=models.CASCADE
    )
    # Likewise one of a terminal that is gone.
    terminal = models.ForeignKey(
        "devices.Terminal",
        verbose_name=_("terminal"),
        related_name="own_tokens",
        null=True,
        blank=True,
        on_delete=models.CASCADE,
    )
    token = SealedTextField(_("token"), purpose="devices.site_token")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    ends_at = models.DateTimeField(_("ends"), null=True, blank=True)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("address token")
        verbose_name_plural = _("address tokens")
        ordering = ["site_id", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["site"],
                condition=models.Q(ends_at__isnull=True, terminal__isnull=True),
                name="site_token_one_current",
                violation_error_message=_("The site has a current address already."),
            ),
            models.UniqueConstraint(
                fields=["terminal"],
                condition=models.Q(ends_at__isnull=True),
                name="terminal_token_one_current",
                violation_error_message=_("The terminal has a current address of its own already."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.site} #{self.pk}"
