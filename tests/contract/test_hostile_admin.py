"""Whatever an address of the admin says, the answer is a page, or a refusal, and comes at once.

``user_name__regex=(a+)+$`` once kept the server busy for 24 seconds, and a year of 99999 broke it.
Pages are found where they are registered, so that a new one is covered as well.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.test import Client, RequestFactory
from django.urls import reverse

from tests.support.two_sites import World

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]

PAGES: list[tuple[type[Any], Any]] = sorted(
    admin.site._registry.items(), key=lambda one: one[0]._meta.label
)
# In the notation of addresses; %ED%A0%80 is half a character.
HOSTILE = (
    "a%00b", "9" * 19, "9" * 400, "-1", "1e999999", "%ED%A0%80", "99999", quote("(a+)+$"), "٣",
    "x" * 5000,
)  # fmt: skip
# Asked together, but for those that may lead elsewhere before others are looked at.
OF_EVERY_LIST = (("q",), ("p",), ("_to_field",), ("o", "all", "_facets", "_popup", "e"))
OPERATORS = (
    "regex", "iregex", "contains", "startswith", "in", "range", "year", "iso_year", "date__year",
    "time__hour", "length", "lt", "has_key", "id__regex", "id__in", "password__startswith",
    "site__name__regex",
)  # fmt: skip


@pytest.fixture
def browser(world: World) -> Client:
    """Return a superuser's browser, which is shown a broken page instead of an exception."""
    client = Client(raise_request_exception=False)
    client.force_login(world.superuser)
    return client


def address(model: type[Any], page: str, *args: Any) -> str:
    meta = model._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}", args=args)


def offered(page: Any, world: World) -> Iterator[tuple[str, Any]]:
    request = RequestFactory().get("/admin/")
    request.user = world.superuser
    yield from page.lookups_offered(request).items()


@pytest.mark.slow
@pytest.mark.parametrize(("model", "page"), PAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_hostile_values_in_what_a_list_offers(
    browser: Client, world: World, model: type[Any], page: Any
) -> None:
    where = address(model, "changelist")
    asked = [*((name,) for name, _accepts in offered(page, world)), *OF_EVERY_LIST]

    broken = []
    for names in asked:
        for value in HOSTILE:
            query = "&".join(f"{name}={value}" for name in names)
            status = browser.get(f"{where}?{query}").status_code
            if status not in {200, 302, 400}:
                broken.append((names, value[:20], status))

    assert broken == []


@pytest.mark.slow
@pytest.mark.parametrize(("model", "page"), PAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_a_list_is_narrowed_by_nothing_else(
    browser: Client, world: World, model: type[Any], page: Any
) -> None:
    where = address(model, "changelist")
    known = {name for name, _accepts in offered(page, world)}
    columns = [field.name for field in model._meta.get_fields()]
    lookups = {
        *columns,
        *(f"{column}__{operator}" for column in columns for operator in OPERATORS),
        "nothing",
        "nothing__regex",
    }

    taken = [
        name
        for name in sorted(lookups - known)
        if browser.get(where, {name: "1"}).status_code != 400
    ]

    assert taken == []


@pytest.mark.slow
@pytest.mark.parametrize(("model", "page"), PAGES, ids=lambda one: getattr(one, "__name__", ""))
def test_hostile_rows_and_forms(browser: Client, world: World, model: type[Any], page: Any) -> None:
    lists = address(model, "changelist")
    columns = [field.name for field in model._meta.get_fields()]
    broken = []
    for value in HOSTILE:
        asked = [browser.get(f"{lists}{value}/{part}/") for part in ("change", "history", "delete")]
        asked.append(browser.get(f"{lists}add/?" + "&".join(f"{one}={value}" for one in columns)))
        asked.append(
            browser.post(
                lists,
                f"action=delete_selected&index=0&_selected_action={value}",
                content_type="application/x-www-form-urlencoded",
            )
        )
        for name in page.get_actions(_request(world)):
            body = f"action={name}&index={value}&_selected_action={value}&select_across={value}"
            asked.append(
                browser.post(lists, body, content_type="application/x-www-form-urlencoded")
            )
        broken += [
            (answer.request["PATH_INFO"], answer.request["QUERY_STRING"], value[:20])
            for answer in asked
            if answer.status_code >= 500
        ]

    assert broken == []


def _request(world: World) -> Any:
    request = RequestFactory().get("/admin/")
    request.user = world.superuser
    return request


def test_hostile_questions_of_a_choice(browser: Client, world: World) -> None:
    good = {"app_label": "records", "model_name": "record", "field_name": "person", "term": "a"}
    where = reverse("admin:autocomplete")
    broken = []
    for name in (*good, "page", "_x"):
        for value in HOSTILE:
            rest = "&".join(f"{key}={one}" for key, one in good.items() if key != name)
            answer = browser.get(f"{where}?{rest}&{name}={value}")
            if answer.status_code not in {200, 400, 403, 404}:
                broken.append((name, value[:20], answer.status_code))

    assert broken == []


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("received_at__year=99999", 400),
        ("user_name__regex=(a%2B)%2B$", 400),
        ("terminal__site__name__startswith=A", 400),
        ("terminal__id__exact=" + "9" * 19, 400),
        ("received_at__gte=99999-01-01", 400),
        ("received_at__gte=2026-01-01&received_at__lt=2030-01-01", 400),
        ("received_at__gte=2026-01-01 00:00%2B08:00&received_at__lt=2030-01-01 00:00Z", 200),
        ("kind__exact=pass", 200),
        ("p=7", 200),
    ],
)
def test_what_a_list_takes(browser: Client, world: World, query: str, status: int) -> None:
    assert (
        browser.get(f"{reverse('admin:records_record_changelist')}?{query}").status_code == status
    )


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("created_at__year=2026", 200),
        ("created_at__year=2026&created_at__month=2", 200),
        ("created_at__year=2026&created_at__month=2&created_at__day=31", 400),
        ("created_at__year=9999", 400),
        ("created_at__year=99999", 400),
        ("created_at__year=1", 400),
        ("created_at__month=13&created_at__year=2026", 400),
        ("created_at__hour=1", 400),
    ],
)
def test_dates_of_a_list(browser: Client, world: World, query: str, status: int) -> None:
    where = reverse("admin:devices_terminalcommand_changelist")

    assert browser.get(f"{where}?{query}").status_code == status


@pytest.mark.parametrize(
    "query", ["password__startswith=a", "username__regex=a", "groups__id__in=1"]
)
def test_users_are_not_found_by_their_passwords(browser: Client, world: World, query: str) -> None:
    assert browser.get(f"{reverse('admin:auth_user_changelist')}?{query}").status_code == 400
