"""A manager who reads Chinese reads Chinese: every page of the admin and the console is walked.

Pages are taken from the admin's registry and the console's addresses, so that one added later is
walked without anybody thinking of it. Latin words on them are data, or names that have no other.
"""

import json
import re
from collections.abc import Collection, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import django
import polib
import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import URLPattern, reverse
from django.utils import timezone, translation

from console import urls as console_urls
from console.models import FailedSignIn, SignInLock
from devices.choices import CallWord, CommandKind, CommandState, JobState
from devices.models import Job, Site, TerminalCommand
from devices.services import SCHEDULE, api_token_create, job_kinds_all
from faces.models import LibraryPlan, TimePlan
from records.choices import AlertKind, Reason, VerificationResult
from records.models import Alert, FaceNegative, PassRules, Record
from records.services import decision_preview
from terminal_protocol import FAULT_WORDS
from tests.support.two_sites import Side, World, client_of

pytestmark = pytest.mark.django_db

# Names and notations that Chinese uses as they are.
ALLOWED = {
    "Menjin", "ID", "API", "IP", "REST", "JSON", "URL", "JPEG", "PNG", "WebP", "HEIC", "HTTP", "QR",
    "IPv", "CIDR", "PIN", "DHCP", "DNS", "MAC", "WiFi", "NAT", "UTC", "MB", "MQTT", "IC",
    "BaseUrl", "OpenAPI", "websocket", "WebSocket", "Asia", "Shanghai", "English", "EN", "ms", "px",
    # Keys, and what a directory service is called.
    "Control", "Mac", "Command", "LDAP",
    # A digest (md5), a recognition model, and pictures of Django's own templates.
    "md", "Search", "sface", "dec", "True", "False", "None",
    # How the software terminal's commands are written.
    "cmd", "get", "set", "object", "AudioObject",
    "min", "Django", "Token", "LED", "KB", "GB", "TB", "PB", "AM", "PM", "NTP", "FTP", "CSV",
    # Encodings, and what is no number.
    "base", "BOM", "UTF", "NaN", "Infinity",
}  # fmt: skip
# More than there are kinds of rows in each list.
ROWS_MOST = 120
_WORD = re.compile(r"[A-Za-z][A-Za-z']+")
_DJANGO = Path(django.__file__).parent
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%\w")
_SCRIPT_TEXT = re.compile(r"""\bgettext\((?P<quote>["'])(?P<text>.*?)(?P=quote)\)""")
# What is read aloud or shown of an element besides its text.
_SHOWN = {"title", "placeholder", "alt", "aria-label"}
_SILENT = {"script", "style", "template", "code"}


class _Words(HTMLParser):
    """Collects the texts of a page that are meant for people."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        given = dict(attrs)
        self.texts += [given[name] or "" for name in _SHOWN & given.keys()]
        if tag == "input" and given.get("type") in {"submit", "button"}:
            self.texts.append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def latin(page: str, data: Collection[str]) -> list[str]:
    """Return the texts of a page with Latin words that are neither data nor allowed."""
    known = frozenset(data)
    reader = _Words()
    reader.feed(page)
    # Of a password's digest Django shows the first characters.
    texts = [text.strip() for text in reader.texts if "****" not in text]
    return [text for text in texts if {*_WORD.findall(_without(text, known))} - ALLOWED]


@cache
def _without(text: str, data: frozenset[str]) -> str:
    """Return a text without its data; most texts are on every page."""
    for value in _longest_first(data):
        text = text.replace(value, "")
    return text


@cache
def _longest_first(data: frozenset[str]) -> list[str]:
    return sorted(data, key=len, reverse=True)


def data_of(world: World) -> set[str]:
    """Return what was entered in Latin letters, which is shown as it was entered."""
    values = {user.username for user in User.objects.all()} | {"alpha", "bravo", "menjin-test"}
    values |= set(Site.objects.values_list("address_tag", flat=True))
    for model in admin.site._registry:
        texts = [field.attname for field in model._meta.concrete_fields if not field.choices]
        for row in model._default_manager.values(*texts):
            values |= {
                value
                for value in row.values()
                if isinstance(value, str) and re.search("Alpha|Bravo|alpha|bravo", value)
            }
    return values


@pytest.fixture(autouse=True)
def _language_as_it_was() -> Iterator[None]:
    """A request leaves its language to the thread; the tests behind this one read English."""
    with translation.override(translation.get_language()):
        yield


@pytest.fixture
def full(world: World) -> World:
    """Fill both sites with a row of each kind, and with a history of changes."""
    plan = TimePlan.objects.create(site=world.ours.site, name="工作时间")
    plan.intervals.create(weekday=1, starts_at="08:00", ends_at="18:00")
    LibraryPlan.objects.create(library=world.ours.library, plan=plan)
    PassRules.objects.create(site=world.ours.site)
    FaceNegative.objects.create(
        person=world.ours.person, record=world.ours.record, contract_id="x", sealed=b"x",
        created_by=world.manager,
    )  # fmt: skip
    Group.objects.create(name="夜班")
    api_token_create(user=world.manager, name="报表")
    FailedSignIn.objects.create(username="manager", ip_address="10.0.0.1", path_info="/")
    SignInLock.objects.create(
        username="manager",
        ip_address="10.0.0.1",
        attempt_time=timezone.now(),
        failures_since_start=3,
    )
    every_kind_of_fact(world.ours)
    made = decision_preview(
        terminal=world.ours.terminal, person=world.ours.person, at=timezone.now()
    )
    compared = {
        "model": "sface-2021dec", "threshold": 0.456, "verdict": "closer_other", "cosine": 0.5,
        "margin": 0.04, "other_must_lead_by": 0.08,
        "closest_other": {"user_id": "Alpha-1", "cosine": 0.6},
        "negative": {"id": 1, "record": 1, "cosine": 0.4},
    }  # fmt: skip
    world.ours.record.trace = {
        "rule": made.decision.reason,
        **made.inputs,
        "verification": compared,
        "ms": {"decode": 1.0, "describe": 2.0, "search": 0.5, "decide": 0.1},
        "total_ms": 4.0,
    }
    world.ours.record.faults = ["image_truncated", "username_truncated"]
    world.ours.record.save()
    return world


def every_kind_of_fact(side: Side) -> None:
    """Make one row of each kind there is: alerts, records, deliveries, commands, audit."""
    facts = {
        "temperature_c": "38.20", "limit_c": "37.30", "score": 12.0, "user_id": "Alpha-1",
        "clock_skew_s": 4000.0, "late_s": 90.0, "previous_record": 1, "last_seen_at": None,
    }  # fmt: skip
    every_state_of_work(side)
    every_end_of_a_pass(side)
    for kind in AlertKind.values:
        Alert.objects.create(
            site=side.site, terminal=side.terminal, kind=kind, severity="warning", facts=facts,
            raised_at=timezone.now(), state="cleared", cleared_at=timezone.now(),
        )  # fmt: skip


def every_state_of_work(side: Side) -> None:
    """Make a command of each kind and in each state, and a job of each, with their results."""
    counted = dict.fromkeys(
        ("done", "failed", "fetching", "deleted", "total", "held", "missing", "extra", "different",
         "left", "read", "new", "drift", "sent", "groups", "steps"),
        2,
    )  # fmt: skip
    carried: dict[str, dict[str, Any]] = {
        CommandKind.SETTINGS_WRITE: {"group": "perpara", "values": {"unlockOuttime": 3, "gone": 1}},
        CommandKind.PEOPLE_PUSH: {"what": "all"},
        CommandKind.RECORDS_PULL: {"since": timezone.now().isoformat()},
    }
    ends = [*((kind, "done", "") for kind in CommandKind if kind != CommandKind.JSON)]
    ends += [("sync_time", state, "") for state in CommandState.values]
    ends += [("sync_time", "refused", word) for word in CallWord.values]
    for kind, state, word in ends:
        TerminalCommand.objects.create(
            terminal=side.terminal, kind=kind, state=state, word=word, requester=SCHEDULE.name,
            payload=carried.get(kind, {}), result=counted, expires_at=timezone.now(),
        )  # fmt: skip
    for state in JobState.values:
        for name in job_kinds_all():
            over = None if state in {"waiting", "running"} else timezone.now()
            counts = dict.fromkeys(("people", "alerts", "terminals", "libraries", "deliveries"), 2)
            Job.objects.create(
                site=side.site, kind=name, state=state, total=2, done=1, result=counts,
                ended_at=over,
            )  # fmt: skip


def every_end_of_a_pass(side: Side) -> None:
    """Make a record of each decision and each result of verification, with every known fault."""
    ends = [(reason, "match") for reason in Reason.values]
    ends += [(Reason.NOT_VERIFIABLE, result) for result in VerificationResult.values]
    for number, (reason, result) in enumerate(ends):
        Record.objects.create(
            site=side.site, terminal=side.terminal, kind="pass", dedupe_key=f"end-{number}",
            received_at=timezone.now(), reason=reason, verification=result,
            door_opened=reason == Reason.ALLOWED, faults=list(FAULT_WORDS) if not number else [],
            is_late=True, late_s=90.0, repeats=2, mask=False,
        )  # fmt: skip


def pages_of(model: type[Model], row: Model | None) -> Iterator[str]:
    """Yield the addresses of a model's own pages in the admin."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    yield reverse(f"{name}_changelist")
    yield reverse(f"{name}_add")
    if row is not None:
        for page in ("change", "history", "delete"):
            yield reverse(f"{name}_{page}", args=[row.pk])


def own_pages(model_admin: admin.ModelAdmin, world: World) -> Iterator[str]:
    """Yield the addresses that an admin adds to Django's."""
    asked = f"?ids={world.ours.terminal.pk}&person={world.ours.person.pk}"
    row = model_admin.model._default_manager.order_by("pk").first()
    for pattern in model_admin.get_urls():
        if not isinstance(pattern, URLPattern) or not pattern.name:
            continue
        asks_for = len(pattern.pattern.converters)
        if not asks_for:
            yield reverse(f"admin:{pattern.name}") + asked
        elif asks_for == 1 and row is not None:
            # As a user's password: a page of one row beside Django's four.
            yield reverse(f"admin:{pattern.name}", args=[row.pk])


def console_pages() -> Iterator[str]:
    """Yield the console's addresses that need no number."""
    for pattern in console_urls.urlpatterns:
        if "<" not in str(pattern.pattern):
            yield reverse(f"console:{pattern.name}")


def all_pages(world: World) -> list[str]:
    """Return every page there is, each row of each model included."""
    found = [reverse("admin:index"), "/admin/nowhere/", "/nowhere/", *console_pages()]
    found += [reverse("admin:app_list", args=[app]) for app in ("devices", "faces", "records")]
    found += [reverse("admin:password_change")]
    progress = reverse("admin:devices_terminal_remote_progress")
    found += [f"{progress}?command={one.pk}" for one in TerminalCommand.objects.all()]
    for model, model_admin in admin.site._registry.items():
        found += pages_of(model, None)
        for row in model._default_manager.order_by("pk")[:ROWS_MOST]:
            found += pages_of(model, row)
        found += own_pages(model_admin, world)
    return sorted(set(found))


def in_chinese(client: Client) -> Client:
    """Return the browser with Chinese chosen."""
    client.cookies["django_language"] = "zh-hans"
    return client


@pytest.mark.slow
@pytest.mark.parametrize("role", ["superuser", "manager"])
def test_every_page_is_chinese(full: World, role: str) -> None:
    client = in_chinese(client_of(getattr(full, role)))
    for model, model_admin in admin.site._registry.items():
        request = RequestFactory().get("/")
        request.user = full.superuser
        for row in model._default_manager.order_by("pk")[:1]:
            if model_admin.has_change_permission(request, row):
                history_of(row, full.superuser)
    data = data_of(full)
    seen = 0
    wrong: dict[str, set[str]] = {}

    for address in all_pages(full):
        answer: Any = client.get(address)
        if "text/html" not in answer.headers.get("Content-Type", ""):
            continue
        seen += answer.status_code == 200
        for text in latin(answer.content.decode(), data):
            wrong.setdefault(text, set()).add(address)

    assert seen > 60  # the walk itself works
    assert {text: sorted(pages)[:3] for text, pages in wrong.items()} == {}


def history_of(row: Model, user: User) -> None:
    """Write what Django's admin would of a row that was entered and changed on its page."""
    labels = form_labels(row, user)
    for flag, told in (
        (ADDITION, [{"added": {}}, {"added": {"name": "hours", "object": "Monday 08:00–18:00"}}]),
        (CHANGE, [{"changed": {"fields": labels}}]),
        (CHANGE, [{"changed": {"name": "hours", "object": "Sunday 08:00", "fields": labels[:1]}}]),
    ):
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=flag,
            change_message=json.dumps(told),
        )


def form_labels(row: Model, user: User) -> list[str]:
    """Return the labels of a row's form as Django notes them: in English, whatever the reader's."""
    request = RequestFactory().get("/")
    request.user = user
    form = admin.site._registry[type(row)].get_form(request, row, change=True)
    with translation.override(None):
        return [str(field.label) for field in form().fields.values()]


@pytest.mark.parametrize("address", ["admin:login", "console:sign-in"])
def test_signing_in_is_chinese(address: str) -> None:
    page = in_chinese(Client()).get(reverse(address)).content.decode()

    assert latin(page, set()) == []


def test_django_has_no_text_that_nobody_translated() -> None:
    """Its own Chinese catalogue is behind its English one; what is missing is ours to add."""
    missing = []
    for app in ("contrib/admin", "contrib/auth", "conf"):
        for entry in polib.pofile(str(_DJANGO / app / "locale/en/LC_MESSAGES/django.po")):
            with translation.override("zh-hans"):
                if entry.msgid_plural:
                    told = translation.ngettext(entry.msgid, entry.msgid_plural, 2)
                elif entry.msgctxt:
                    told = translation.pgettext(entry.msgctxt, entry.msgid)
                else:
                    told = translation.gettext(entry.msgid)
            is_english = told in {entry.msgid, entry.msgid_plural}
            if is_english and latin(_PLACEHOLDER.sub("", entry.msgid), set()):
                missing.append(entry.msgid)

    assert missing == []


def test_the_admins_scripts_find_every_text(world: World) -> None:
    """They write it into the page by themselves, where no walk over pages sees it."""
    answer = in_chinese(client_of(world.superuser)).get(reverse("admin:jsi18n")).content.decode()
    known = json.loads(answer.split("const newcatalog = ", 1)[1].split(";\n", 1)[0])
    asked: set[str] = set()
    for script in (_DJANGO / "contrib/admin/static/admin/js").glob("*.js"):
        asked |= {
            found["text"] for found in _SCRIPT_TEXT.finditer(script.read_text(encoding="utf-8"))
        }

    assert len(asked) > 30
    assert asked - set(known) == set()
    told = [str(known[text]).replace("%s", "") for text in asked]
    assert [words for words in told if latin(words, set())] == []
