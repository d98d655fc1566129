"""Asking terminals for something: the page, the question whether it is meant, the progress."""

from collections import Counter
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from devices.admin.remote_forms import RemoteForm, SettingsForm
from devices.admin.remote_words import (
    OPEN_STATES,
    command_rows,
    json_words,
    pushes_badge,
    reach_badge,
    state_badge,
)
from devices.admin.scoped import sees_several_sites, with_site
from devices.choices import CommandKind, CommandState, SettingsGroup
from devices.command_kinds import (
    KINDS,
    Card,
    Kind,
    Permission,
    asks_twice,
    command_payload,
    kind_words,
    kinds_in_order,
)
from devices.commands.settings import setting_words, value_words
from devices.models import Terminal, TerminalCommand, TerminalContact
from devices.selectors import (
    commands_visible,
    may_use_json,
    settings_known,
    settings_of,
    sites_managed,
    terminals_commandable,
    terminals_visible,
)
from devices.services import (
    Requester,
    commands_request,
    confirmation_token,
    differences,
    is_confirmed,
    settings_want,
    settings_want_also,
    terminal_reach,
)

# More than anybody selects on purpose; every one of them gets a row.
TERMINALS_MAX = 5000
_RECENT = 15
_SHOWN = 50
_OUT_OF_REACH = {"not_callable", "unreachable"}


class Remote:
    """The pages for the terminals named by ``?ids=``."""

    def __init__(self, request: HttpRequest, admin: Any) -> None:
        self.request = request
        self.admin = admin
        self.user: Any = request.user
        self.terminals = self._terminals()
        self.ids = [terminal.pk for terminal in self.terminals]

    def _terminals(self) -> list[Terminal]:
        words = self.request.GET.get("ids", "").split(",")[:TERMINALS_MAX]
        ids = [
            int(word) for word in words if word.isascii() and word.isdecimal() and len(word) < 19
        ]
        rows = terminals_visible(self.user).filter(pk__in=ids).select_related("contact", "site")
        found = list(rows.order_by("site_id", "device_id"))
        if not found:
            raise Http404
        return found

    def address(self, name: str, **more: Any) -> str:
        """Return the address of one of these pages for the same terminals."""
        query = {"ids": ",".join(str(pk) for pk in self.ids), **more}
        return f"{reverse(f'admin:devices_terminal_{name}')}?{urlencode(query)}"

    def may(self, kind: str) -> list[Terminal]:
        """Return those of the terminals that the user may ask for this."""
        allowed = set(
            terminals_commandable(self.user, kind=kind)
            .filter(pk__in=self.ids)
            .values_list("pk", flat=True)
        )
        return [terminal for terminal in self.terminals if terminal.pk in allowed]

    def context(self, title: str, **more: Any) -> dict[str, Any]:
        """Return what every one of the pages shows."""
        return {
            **self.admin.admin_site.each_context(self.request),
            "opts": Terminal._meta,
            "title": title,
            "terminals": self.terminals,
            "one": self.terminals[0] if len(self.terminals) == 1 else None,
            "remote_url": self.address("remote"),
            "settings_url": self.address("remote_settings"),
            "media": self.admin.media,
            **more,
        }

    def page(self) -> HttpResponse:
        """Show what can be asked, and take a request."""
        return self._ask() if self.request.method == "POST" else self._shown()

    def _shown(self, *, typed: str = "") -> HttpResponse:
        """Show the page; ``typed`` is a JSON command that has to be corrected."""
        reached = [(terminal, terminal_reach(terminal)) for terminal in self.terminals]
        recent = commands_visible(self.user).filter(terminal__in=self.ids)[:_RECENT]
        context = self.context(
            _("Remote control"),
            is_remote_page=True,
            clock_off_s=self._clock_off_s(),
            pushes=pushes_badge(self.terminals[0]),
            drift=sum(len(differences(row)) for row in settings_known(self.terminals)),
            cards=self._cards(),
            typed=typed,
            reach=[(one, reach_badge(reach)) for one, reach in reached[:_SHOWN]],
            is_uncallable=all(reach.state in _OUT_OF_REACH for one, reach in reached),
            hidden=max(0, len(reached) - _SHOWN),
            recent=command_rows(recent, is_site_named=sees_several_sites(self.request)),
            extra=self.admin.remote_words(self.terminals),
        )
        return TemplateResponse(self.request, "devices/remote.html", context)

    def _cards(self) -> list[dict[str, Any]]:
        """Return the forms of the kinds that the user may ask for, each with its kinds."""
        form, found = RemoteForm(), dict[Card | str, list[Kind]]()
        allowed: dict[Permission, bool] = {}
        for kind in kinds_in_order():
            if kind.permission not in allowed:
                allowed[kind.permission] = bool(self.may(kind.name))
            if allowed[kind.permission]:
                found.setdefault(kind.card or kind.name, []).append(kind)
        cards = [(key if isinstance(key, Card) else Card(), kinds) for key, kinds in found.items()]
        return [
            {
                "template": card.template,
                "kind": kinds[0],
                "fields": [form[name] for name, given in kinds[0].given.items() if given.page],
            }
            for card, kinds in sorted(cards, key=lambda one: one[0].place)
        ]

    def _clock_off_s(self) -> int | None:
        """Return how far the one terminal's clock was off last, in seconds; None unless it was."""
        contact: TerminalContact | None = getattr(self.terminals[0], "contact", None)
        if len(self.terminals) > 1 or contact is None or not contact.clock_measured_ms:
            return None
        return round(contact.clock_measured_ms / 1000)

    def _ask(self) -> HttpResponse:
        form = RemoteForm(self.request.POST)
        if not form.is_valid():
            return self._refused([str(one) for errors in form.errors.values() for one in errors])
        asked = form.cleaned_data
        given: dict[str, Any] = dict(asked)
        if asked["kind"] == CommandKind.SETTINGS_WRITE:
            settings_form = self._settings_form()
            if not settings_form.is_valid():
                return self._settings_page(settings_form)
            given |= {"group": settings_form.group, "values": settings_form.given()}
        try:
            payload = command_payload(kind=asked["kind"], given=given)
            return self._carry_out(asked, payload)
        except ValidationError as error:
            return self._refused(error.messages)

    def _carry_out(self, asked: dict[str, Any], payload: dict[str, Any]) -> HttpResponse:
        kind = KINDS[asked["kind"]]
        terminals = self.may(kind.name)
        if len(terminals) != len(self.terminals):
            raise PermissionDenied
        agreement: dict[str, Any] = {
            "user_id": self.user.pk,
            "kind": kind.name,
            "terminal_ids": self.ids,
            "payload": payload,
        }
        if asks_twice(kind.name, terminals=len(terminals)) and not is_confirmed(
            asked["confirm"], **agreement
        ):
            return self._confirm(kind, asked, payload, confirmation_token(**agreement))
        made = commands_request(
            kind=kind.name,
            terminals=terminals,
            requester=Requester(self.user.get_username(), self.user),
            reason=asked["reason"],
            payload=payload,
        )
        shown = {"batch": made.batch.pk} if made.batch else {"command": made.commands[0].pk}
        target = reverse("admin:devices_terminal_remote_progress")
        return HttpResponseRedirect(f"{target}?{urlencode(shown)}")

    def _confirm(
        self, kind: Kind, asked: dict[str, Any], payload: dict[str, Any], token: str
    ) -> HttpResponse:
        """Ask whether it is meant, with what would change at which terminal."""
        changes = []
        several = sees_several_sites(self.request)
        if kind.changes:
            changes = [
                {
                    "terminal": with_site(change.terminal) if several else change.terminal,
                    "name": change.name,
                    "words": setting_words(payload["group"], change.name),
                    "reported": value_words(change.name, change.reported),
                    "wanted": value_words(change.name, change.wanted),
                }
                for change in kind.changes(self.terminals, payload)
            ]
        context = self.context(
            str(kind.words),
            warning=kind.warns(payload),
            token=token,
            again=[
                (name, value)
                for name, value in self.request.POST.items()
                if name not in {"csrfmiddlewaretoken", "confirm"}
            ],
            reason=asked["reason"],
            changes=changes,
            is_unread=any(change["reported"] is None for change in changes),
            shows_changes=kind.changes is not None,
        )
        return TemplateResponse(self.request, "devices/remote_confirm.html", context)

    def _refused(self, words: list[str]) -> HttpResponse:
        for word in words:
            messages.error(self.request, word)
        if typed := self.request.POST.get("payload", ""):
            return self._shown(typed=typed)
        return HttpResponseRedirect(self.address("remote"))

    def settings(self) -> HttpResponse:
        """Show a group of settings: reported, desired, and where they differ."""
        form = self._settings_form()
        if self.request.method != "POST":
            return self._settings_page(form)
        managed = sites_managed(self.user).values_list("pk", flat=True)
        if any(terminal.site_id not in set(managed) for terminal in self.terminals):
            raise PermissionDenied
        if form.is_valid():
            # On one terminal's page an emptied field is wanted no more; for many it is left alone.
            note = settings_want if len(self.terminals) == 1 else settings_want_also
            for terminal in self.terminals:
                note(
                    terminal=terminal,
                    group=form.group,
                    values=form.given(),
                    by=self.user.get_username(),
                )
            messages.success(self.request, _("Noted. Nothing has been sent yet."))
            return HttpResponseRedirect(self.address("remote_settings", group=form.group))
        return self._settings_page(form)

    def _settings_form(self) -> SettingsForm:
        given = self.request.POST.get("group") or self.request.GET.get("group", "")
        group = SettingsGroup(given) if given in SettingsGroup.values else SettingsGroup.SMARTFACE
        many = len(self.terminals) > 1
        row = next(r for r in settings_of(self.terminals[0]) if r.group == group)
        data = self.request.POST if self.request.method == "POST" else None
        return SettingsForm(data, group=group, desired={} if many else row.desired, many=many)

    def _settings_page(self, form: SettingsForm) -> HttpResponse:
        rows = settings_of(self.terminals[0])
        row = next(one for one in rows if one.group == form.group)
        drift = {one.name for one in differences(row)}
        context = self.context(
            _("Settings"),
            form=form,
            group=form.group,
            groups=[
                (value, label, self.address("remote_settings", group=value))
                for value, label in SettingsGroup.choices
            ],
            row=row,
            fields=[
                (bound, value_words(bound.name, row.reported.get(bound.name)), bound.name in drift)
                for bound in form
            ],
            drift=differences(row),
            may_manage=bool(self.may(CommandKind.SETTINGS_WRITE)),
        )
        return TemplateResponse(self.request, "devices/remote_settings.html", context)


def progress(request: HttpRequest, admin: Any) -> HttpResponse:
    """Show how far a request is; with ``?part=1`` only what changes."""
    rows = _asked_about(request)
    counts = Counter(rows.order_by().values_list("state", flat=True))
    total = sum(counts.values())
    if not total:
        raise Http404
    open_ones = sum(counts[state] for state in OPEN_STATES)
    first = rows[0]
    context = {
        **admin.admin_site.each_context(request),
        "opts": Terminal._meta,
        "title": kind_words(first.kind),
        "first": first,
        "counts": [
            (state_badge(state), counts[state]) for state in CommandState.values if counts[state]
        ],
        "total": total,
        "finished": total - open_ones,
        "is_open": open_ones > 0,
        "rows": command_rows(rows.order_by("pk")[:500], is_site_named=sees_several_sites(request)),
        "json": json_words(first) if total == 1 and may_use_json(request.user) else [],
        "media": admin.media,
    }
    part = "part" in request.GET
    name = "devices/_progress.html" if part else "devices/remote_progress.html"
    return TemplateResponse(request, name, context)


def _asked_about(request: HttpRequest) -> QuerySet[TerminalCommand]:
    rows = commands_visible(request.user)
    for name in ("batch", "command"):
        word = request.GET.get(name, "")
        if _is_id(word):
            return rows.filter(**{"batch_id" if name == "batch" else "pk": int(word)})
    raise Http404


def _is_id(word: str) -> bool:
    # Bounded, because databases refuse numbers beyond their own.
    return word.isascii() and word.isdecimal() and len(word) < 19
