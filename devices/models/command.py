"""Commands to terminals, what is known of calling them, and their settings."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from devices.choices import CommandState, SettingsGroup
from devices.command_kinds import kind_choices, kind_words
from devices.models.terminal import Terminal
from server_common.crypto import SealedTextField


class CommandBatch(models.Model):
    """One request for several terminals at once; its commands tell how far it is.

    Belongs to no site: each user sees the commands of their own sites.
    """

    kind = models.CharField(_("command"), max_length=20, choices=kind_choices)
    requester = models.CharField(_("requested by"), max_length=150)
    created_at = models.DateTimeField(_("requested"), db_default=Now(), editable=False)

    class Meta:
        verbose_name = _("command for several terminals")
        verbose_name_plural = _("commands for several terminals")
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{kind_words(self.kind)} #{self.pk}"


class TerminalCommand(models.Model):
    """One thing the platform was asked to have one terminal do.

    Made by a manager, a program or the schedule. Life: queued → sending → done | refused |
    unreachable | unknown; queued → expired | cancelled. What was not sent before ``expires_at``
    is never sent. ``holds_terminal`` marks the one command that talks to its terminal now.
    ``result`` holds counts and words, never a person's data; what a JSON command says and is
    answered may be anything, and is sealed.
    """

    # What was asked of a terminal that is gone is history that no user can act on.
    terminal = models.ForeignKey(
        Terminal, verbose_name=_("terminal"), related_name="commands", on_delete=models.CASCADE
    )
    batch = models.ForeignKey(
        CommandBatch,
        verbose_name=_("command for several terminals"),
        related_name="commands",
        null=True,
        on_delete=models.SET_NULL,
    )
    kind = models.CharField(_("command"), max_length=20, choices=kind_choices)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name=_("requested by"),
        related_name="+",
        null=True,
        on_delete=models.SET_NULL,
    )
    # Stays when the account is deleted: who opened a door is asked long after.
    requester = models.CharField(_("requested by"), max_length=150)
    reason = models.CharField(_("reason"), max_length=255, blank=True)
    payload = models.JSONField(_("values"), default=dict)
    state = models.CharField(
        _("state"), max_length=12, choices=CommandState.choices, default=CommandState.QUEUED
    )
    word = models.CharField(_("outcome"), max_length=24, blank=True)
    code = models.CharField(_("code"), max_length=8, blank=True)
    result = models.JSONField(_("result"), default=dict)
    json_sent = SealedTextField(
        _("JSON sent"),
        blank=True,
        default="",
        db_default="",
        editable=False,
        purpose="devices.command_json_sent",
    )
    json_answered = SealedTextField(
        _("JSON answered"),
        blank=True,
        default="",
        db_default="",
        editable=False,
        purpose="devices.command_json_answered",
    )
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    created_at = models.DateTimeField(_("requested"), db_default=Now(), editable=False)
    expires_at = models.DateTimeField(_("dropped unless sent before"))
    dispatched_at = models.DateTimeField(null=True, editable=False)
    started_at = models.DateTimeField(_("sent"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    # Until when the worker must have said that it still works on it.
    lease_until = models.DateTimeField(null=True, editable=False)
    lease = models.CharField(max_length=32, blank=True, editable=False)
    holds_terminal = models.BooleanField(default=False, editable=False)

    class Meta:
        verbose_name = _("command")
        verbose_name_plural = _("commands")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["terminal"],
                condition=models.Q(holds_terminal=True),
                name="command_one_in_flight",
                violation_error_message=_("Another command to this terminal is under way."),
            ),
            models.CheckConstraint(
                condition=models.Q(holds_terminal=False) | models.Q(state=CommandState.SENDING),
                name="command_holds_while_sending",
                violation_error_message=_("Only a command that is under way holds its terminal."),
            ),
            models.CheckConstraint(
                condition=models.Q(state__in=CommandState.values), name="command_state_known"
            ),
        ]
        indexes = [
            models.Index(fields=["terminal", "-id"], name="command_by_terminal"),
            models.Index(
                fields=["state", "id"],
                name="command_open",
                condition=models.Q(state__in=["queued", "sending"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{kind_words(self.kind)} #{self.pk}"


class TerminalContact(models.Model):
    """What calling a terminal has shown so far, written when a call has ended.

    ``stamp_ms`` and ``stamp_lane`` are written before each call: the timestamp it is signed with,
    see ``devices.services.commands.stamps``.
    """

    # It says something of its terminal only.
    terminal = models.OneToOneField(
        Terminal, primary_key=True, related_name="contact", on_delete=models.CASCADE
    )
    clock_offset_ms = models.BigIntegerField(default=0)
    clock_measured_ms = models.BigIntegerField(null=True)
    answered_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    failure = models.CharField(max_length=24, blank=True)
    failures = models.PositiveIntegerField(default=0)
    pushes = models.BooleanField(default=False)
    pushes_changed_at = models.DateTimeField(null=True)
    stamp_ms = models.BigIntegerField(default=0, db_default=0)
    stamp_lane = models.PositiveSmallIntegerField(default=0, db_default=0)

    class Meta:
        verbose_name = _("contact with a terminal")
        verbose_name_plural = _("contacts with terminals")
        ordering = ["terminal_id"]

    def __str__(self) -> str:
        return f"{self.terminal_id}: {self.failure or 'ok'}"


class TerminalSettings(models.Model):
    """One group of a terminal's settings (seed 8.1.2, 8.1.4, 8.1.5), by their names on the wire.

    ``desired`` is what is wanted, a part of the group or all of it; ``reported`` is what the
    terminal said last. Where they differ the settings drift; neither overwrites the other.
    """

    # Settings of a terminal that is gone set nothing.
    terminal = models.ForeignKey(
        Terminal, verbose_name=_("terminal"), related_name="settings", on_delete=models.CASCADE
    )
    group = models.CharField(
        pgettext_lazy("settings of a terminal", "group"),
        max_length=12,
        choices=SettingsGroup.choices,
    )
    desired = models.JSONField(_("desired"), default=dict)
    desired_at = models.DateTimeField(_("desired since"), null=True)
    desired_by = models.CharField(_("desired by"), max_length=150, blank=True)
    reported = models.JSONField(_("reported"), default=dict)
    reported_at = models.DateTimeField(_("reported at"), null=True)

    class Meta:
        verbose_name = _("settings of a terminal")
        verbose_name_plural = _("settings of terminals")
        ordering = ["terminal_id", "group"]
        constraints = [
            models.UniqueConstraint(fields=["terminal", "group"], name="settings_once_per_group"),
        ]

    def __str__(self) -> str:
        return f"{self.terminal_id} {self.group}"
