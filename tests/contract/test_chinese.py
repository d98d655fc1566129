"""A manager who reads Chinese reads Chinese: every page of the admin and the console is walked.

Pages are taken from the admin's registry and the console's addresses, so that one added later is
walked without anybody thinking of it. Latin words on them are data, or names that have no other.
"""

import json
import re
from pathlib import Path
from typing import Any

import django
import polib
import pytest
from django.contrib import admin
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import translation

from devices.models import TerminalCommand
from tests.support.admin_pages import console_pages, own_pages, pages_of
from tests.support.latin_words import data_of, latin
from tests.support.two_sites import World, client_of

pytestmark = pytest.mark.django_db

# More than there are kinds of rows in each list.
ROWS_MOST = 120
_DJANGO = Path(django.__file__).parent
_PLACEHOLDER = re.compile(r"%\(\w+\)s|%\w")
_SCRIPT_TEXT = re.compile(r"""\bgettext\((?P<quote>["'])(?P<text>.*?)(?P=quote)\)""")


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
