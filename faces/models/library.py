"""Libraries: which people are on which terminals."""

from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from devices.models import Site, Terminal
from server_common.change_tracking import WatchedManager


class Library(models.Model):
    """A named set of people of one site, such as a building's residents, held by terminals."""

    site = models.ForeignKey(
        Site, verbose_name=_("site"), related_name="libraries", on_delete=models.PROTECT
    )
    name = models.CharField(_("name"), max_length=80)
    created_at = models.DateTimeField(_("created"), db_default=Now(), editable=False)

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("library")
        verbose_name_plural = _("libraries")
        ordering = ["site_id", "name"]
        constraints = [
            models.UniqueConstraint(fields=["site", "name"], name="library_name_once_per_site"),
            models.CheckConstraint(condition=~models.Q(name=""), name="library_name_given"),
        ]

    def __str__(self) -> str:
        return self.name


class LibraryMembership(models.Model):
    """A person is in a library; written by ``person_save``, which moves the sync clock."""

    # A membership is nothing without both of its ends.
    person = models.ForeignKey("faces.Person", related_name="memberships", on_delete=models.CASCADE)
    library = models.ForeignKey(Library, related_name="memberships", on_delete=models.CASCADE)

    class Meta:
        verbose_name = _("library member")
        verbose_name_plural = _("library members")
        ordering = ["library_id", "person_id"]
        constraints = [
            models.UniqueConstraint(fields=["person", "library"], name="library_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} ∈ {self.library_id}"


class TerminalLibrary(models.Model):
    """A terminal holds a library; written by ``terminal_libraries_set``."""

    # A subscription is nothing without both of its ends.
    terminal = models.ForeignKey(Terminal, related_name="library_links", on_delete=models.CASCADE)
    library = models.ForeignKey(
        Library,
        verbose_name=_("library"),
        related_name="terminal_links",
        on_delete=models.CASCADE,
    )

    objects: ClassVar[WatchedManager[Self]] = WatchedManager()

    class Meta:
        verbose_name = _("terminal's library")
        verbose_name_plural = _("terminals' libraries")
        ordering = ["terminal_id", "library_id"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "library"], name="terminal_library_once"),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} ← {self.library_id}"
