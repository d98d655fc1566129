"""People whose faces open doors."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import ProhibitNullCharactersValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from devices.models import Site
from faces.choices import Category, PersonState, Sex
from faces.models.library import Library
from server_common.crypto import SealedTextField


def validate_user_id(user_id: str) -> None:
    """Refuse ids that a terminal could not send back unchanged."""
    if user_id != user_id.strip() or not user_id.isprintable():
        raise ValidationError(_("No blanks around it and no invisible characters, please."))
    if user_id == "all":
        # /api/user/delete/all wipes a terminal (seed 8.2.4).
        raise ValidationError(_("“all” means everybody to a terminal; choose another ID."))


# What new people may be called. It needs no quoting in any address, file name or table.
_NEW_USER_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


class Person(models.Model):
    """A person of one site: UserObject of seed 8.2.1, and what chapter 9.1 sends of them.

    Created by a manager, an import or the REST interface, always through ``person_save``. Ends
    with ``person_erase``, which leaves only the user id on the deliveries of its deletion, until
    every terminal has forgotten it.

    ``sync_stamp`` is the site clock's value (Unix seconds, hybrid logical) at which terminals
    should hear of the person's latest change.
    """

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="people", on_delete=models.PROTECT
    )
    user_id = models.CharField(
        _("user ID"),
        max_length=32,
        validators=[ProhibitNullCharactersValidator(), validate_user_id],
        help_text=_("How terminals name the person; at most 32 characters."),
    )
    name = models.CharField(pgettext_lazy("person", "name"), max_length=80)
    category = models.SmallIntegerField(
        _("category"), choices=Category.choices, default=Category.EMPLOYEE
    )
    user_type = models.CharField(
        _("type shown on terminals"),
        max_length=16,
        blank=True,
        help_text=_("Free word such as student or teacher; empty: by category."),
    )
    sex = models.SmallIntegerField(_("sex"), choices=Sex.choices, default=Sex.OTHER)
    remark = models.CharField(
        _("remark"),
        max_length=255,
        blank=True,
        help_text=_("Terminals show the first 16 characters."),
    )
    state = models.CharField(
        _("state"), max_length=10, choices=PersonState.choices, default=PersonState.ACTIVE
    )
    valid_from = models.DateTimeField(_("may pass from"), null=True, blank=True)
    valid_until = models.DateTimeField(_("may pass until"), null=True, blank=True)
    libraries = models.ManyToManyField(
        Library,
        verbose_name=_("libraries"),
        through="faces.LibraryMembership",
        related_name="people",
        blank=True,
    )
    ic_number = models.CharField(_("IC card"), max_length=40, blank=True)
    job_number = models.CharField(_("job number"), max_length=40, blank=True)
    mobile = models.CharField(_("mobile"), max_length=20, blank=True)
    department = models.CharField(_("department"), max_length=80, blank=True)
    birthday = models.DateField(_("birthday"), null=True, blank=True)
    entry_date = models.DateField(_("joined"), null=True, blank=True)
    mail = models.CharField(_("e-mail"), max_length=40, blank=True)
    title = models.CharField(_("title"), max_length=40, blank=True)
    position = models.CharField(_("place of work"), max_length=100, blank=True)
    id_number = SealedTextField(_("ID number"), blank=True, purpose="faces.id_number")
    prompt = models.CharField(_("welcome text"), max_length=100, blank=True)
    purpose = models.CharField(_("purpose of visit"), max_length=40, blank=True)
    interviewee = models.CharField(_("person visited"), max_length=80, blank=True)
    come_from = models.CharField(_("visitor's organisation"), max_length=200, blank=True)
    description = models.CharField(_("signature"), max_length=80, blank=True)
    sync_stamp = models.BigIntegerField(default=0, editable=False)
    # The moment up to which the validity window has been turned into saves and deletes.
    window_open = models.BooleanField(default=True, editable=False)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["site_id", "user_id"]
        constraints = [
            models.UniqueConstraint(fields=["site", "user_id"], name="person_once_per_site"),
            models.CheckConstraint(condition=~models.Q(user_id=""), name="person_user_id_given"),
            models.CheckConstraint(
                condition=models.Q(valid_from__isnull=True)
                | models.Q(valid_until__isnull=True)
                | models.Q(valid_from__lt=models.F("valid_until")),
                name="person_validity_forward",
                violation_error_message=_("This must be after the beginning."),
            ),
        ]
        indexes = [
            models.Index(fields=["site", "sync_stamp", "id"], name="person_by_stamp"),
            models.Index(
                fields=["valid_from"],
                name="person_opening",
                condition=models.Q(valid_from__isnull=False),
            ),
            models.Index(
                fields=["valid_until"],
                name="person_closing",
                condition=models.Q(valid_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.user_id})"

    def clean(self) -> None:
        """Refuse an odd span, and a new ID outside of the alphabet; people who have one keep it."""
        super().clean()
        refused = {}
        if self._state.adding and self.user_id and not _NEW_USER_ID.fullmatch(self.user_id):
            refused["user_id"] = _("Letters A to Z, digits, dot, hyphen and underscore, please.")
        if self.valid_from and self.valid_until and self.valid_from >= self.valid_until:
            refused["valid_until"] = _("This must be after the beginning.")
        if refused:
            raise ValidationError(refused)
