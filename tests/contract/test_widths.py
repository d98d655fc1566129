"""No page is wider than its window, on a telephone and on a desk, and no field stands out of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.urls import reverse

from console.models import FailedSignIn, SignInLock
from tests.support.admin_pages import console_html, pages_of
from tests.support.admin_pages import own_pages as added_pages
from tests.support.browser import Browser, browsing
from tests.support.signed_in_browser import signed_in
from tests.support.tools import needs_tool
from tests.support.two_sites import World, client_of
from tests.support.wire import WireClient

pytestmark = [
    pytest.mark.browser,
    needs_tool("chromedriver", package="chromium-driver"),
    pytest.mark.django_db(transaction=True),
]
# How wide a page is, where it is wider than the window, and what of it stands out. A telephone's
# ``innerWidth`` is no measure: it grows with a page that is too wide.
_TOO_WIDE = """
const wide = Math.max(document.documentElement.scrollWidth, document.body.scrollWidth);
if (wide <= %(width)d) return [];
const out = [...document.querySelectorAll("body *")]
  .filter((one) => one.getBoundingClientRect().right > %(width)d + 1)
  .filter((one) => !one.closest(".results, .mj-scroll"))
  .map((one) => `${one.tagName}.${one.className} ${one.getBoundingClientRect().right}`);
return [`${wide} px`, ...out.slice(0, 4)];
"""
# Fields and what is said of them, where they stand out of a page that fits: its boxes cut them off.
# Only a box that can be moved sideways may hold more than is seen.
_FIELDS_OUT = """
const fields = "input, select, textarea, button, a.button, .readonly, .help, .errornote, label";
return [...document.querySelectorAll("#content :is(" + fields + ")")]
  .filter((one) => one.checkVisibility() && one.getBoundingClientRect().width > 1)
  .filter((one) => !one.closest(".results, .mj-scroll"))
  .map((one) => [one, one.getBoundingClientRect()])
  .filter(([, box]) => box.right > %(width)d + 1 || box.left < -1)
  .map(([one, box]) => `${one.tagName}#${one.id}.${one.className} ${box.left}…${box.right}`)
  .slice(0, 4);
"""
_TELEPHONE = 390
_DESK = 1280


def own_pages(world: World) -> list[str]:
    """Return the pages that are the product's own, with something on each."""
    ours = world.ours
    ids = f"?ids={ours.terminal.pk},{world.theirs.terminal.pk}"
    command = f"?command={ours.command.pk}"
    lists = ["devices_job", "devices_apitoken", "devices_terminalcommand", "console_browsersession"]
    return [
        *console_html(world.superuser),
        reverse("admin:index"),
        reverse("admin:devices_terminal_refused"),
        reverse("admin:devices_terminal_remote") + ids,
        reverse("admin:devices_terminal_remote_settings") + ids,
        reverse("admin:devices_terminal_remote_progress") + command,
        reverse("admin:devices_job_change", args=[ours.job.pk]),
        *(reverse(f"admin:{name}_changelist") for name in lists),
        reverse("admin:devices_apitoken_add"),
        reverse("admin:records_record_why") + f"?person={ours.person.pk}",
    ]


def admin_pages(world: World) -> list[str]:
    """Return a page of each kind that the admin has: lists, forms, questions, histories."""
    found = {reverse("admin:index"), reverse("admin:password_change"), "/admin/nowhere/"}
    found |= {reverse("admin:app_list", args=[app]) for app in ("devices", "faces", "records")}
    for model, model_admin in admin.site._registry.items():
        found |= {*pages_of(model, model._default_manager.order_by("pk").first())}
        found |= {*added_pages(model_admin, world)}
    client = client_of(world.superuser)
    pages = [one for one in sorted(found) if "text/html" in kind_of(client.get(one))]
    assert len(pages) > len(admin.site._registry) * 3
    return pages


def kind_of(answer: Any) -> str:
    """Return the type of what is answered; nothing of a refusal or another address."""
    is_page = answer.status_code in {200, 404}
    return str(answer.headers.get("Content-Type", "")) if is_page else ""


def stands_out(browser: Browser, *, width: int) -> list[str]:
    """Return how wide the open page is and what of it stands out; nothing where it fits."""
    found = browser.run(_TOO_WIDE % {"width": width})
    return [*found, *browser.run(_FIELDS_OUT % {"width": width})]


def too_wide(browser: Browser, url: str, pages: list[str], *, width: int) -> dict[str, list[str]]:
    """Return the pages that can be moved sideways, with what stands out."""
    found = {}
    for page in pages:
        browser.go(url + page)
        if wide := stands_out(browser, width=width):
            found[page] = wide
    return found


@pytest.mark.parametrize("width", [_TELEPHONE, _DESK])
def test_a_page_that_is_too_wide_is_found(tmp_path: Path, width: int) -> None:
    page = (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<p style="width: {width + 60}px">wide</p>'
    )
    with browsing(tmp_path / "profile", width=width, height=900, is_dark=False) as browser:
        browser.go(f"data:text/html,{quote(page)}")

        assert any("P." in one for one in stands_out(browser, width=width))


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_consoles_pages_fit_a_telephone(
    live_server: Any, full: World, tmp_path: Path, language: str
) -> None:
    token = full.ours.site.tokens.get().token
    WireClient(token=f"{token[:-1]}~", device_id="D" * 32).poll_refused()
    pages = own_pages(full)

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_TELEPHONE, language=language
    ) as (browser, url):
        assert too_wide(browser, url, pages, width=_TELEPHONE) == {}


def test_a_field_that_a_page_cuts_off_is_found(tmp_path: Path) -> None:
    page = (
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<div id="content" style="overflow: hidden"><input style="width: 460px"></div>'
    )
    with browsing(tmp_path / "profile", width=390, height=900, is_dark=False) as browser:
        browser.go(f"data:text/html,{quote(page)}")

        assert [one.split("#")[0] for one in stands_out(browser, width=390)] == ["INPUT"]


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_admin_page_fits_a_telephone(
    live_server: Any, full: World, tmp_path: Path, language: str
) -> None:
    pages = admin_pages(full)

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_TELEPHONE, language=language
    ) as (browser, url):
        assert too_wide(browser, url, pages, width=_TELEPHONE) == {}


def test_rows_of_a_form_are_named_cards_on_a_telephone(
    live_server: Any, full: World, tmp_path: Path
) -> None:
    """They were a table in a box that had to be moved sideways to reach the last fields."""
    cell = "document.querySelector('#memberships-0 .field-role')"
    name = f"return getComputedStyle({cell}, '::before').content"

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_TELEPHONE, language="en"
    ) as (browser, url):
        browser.go(url + reverse("admin:devices_site_change", args=[full.ours.site.pk]))

        assert browser.run(name) == '"Role"'
        assert browser.run(
            f"return {cell}.previousElementSibling.getBoundingClientRect().bottom"
            f" <= {cell}.getBoundingClientRect().top"
        )


@pytest.mark.parametrize(
    ("page", "columns"),
    [
        ("console_signinlock", ["account", "state", "place"]),
        ("console_failedsignin", ["at", "account", "state"]),
    ],
)
def test_the_state_of_sign_ins_is_seen_on_a_telephone(
    live_server: Any, full: World, tmp_path: Path, page: str, columns: list[str]
) -> None:
    edge = "document.querySelector('.results').getBoundingClientRect().right"
    # "Sept. 30, 2026, 12:50 p.m." is as long as a moment gets.
    longest = datetime(2026, 9, 30, 4, 50, tzinfo=UTC)
    FailedSignIn.objects.update(attempt_time=longest)
    SignInLock.objects.update(attempt_time=longest)

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_TELEPHONE, language="en"
    ) as (browser, url):
        browser.go(url + reverse(f"admin:{page}_changelist"))
        rights = "getBoundingClientRect().right"
        hidden = [
            one
            for one in columns
            if browser.run(f"return document.querySelector('th.column-{one}').{rights} > {edge}")
        ]

    assert hidden == []


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_lists_fit_a_desk(live_server: Any, full: World, tmp_path: Path, language: str) -> None:
    """A table that is wider moves within its own box; the page stays where it is."""
    pages = [
        reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        for model in admin.site._registry
    ]

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_DESK, language=language
    ) as (browser, url):
        assert too_wide(browser, url, pages, width=_DESK) == {}


@pytest.mark.parametrize(
    ("page", "columns"),
    [
        ("faces_person", ["name", "on_terminals", "face_badge"]),
        ("devices_terminal", ["title", "last_heard", "faces"]),
        ("devices_auditentry", ["by", "action_badge", "shown"]),
        ("records_alert", ["kind_words", "state_badge", "raised_at"]),
    ],
)
def test_what_is_looked_for_is_seen_without_moving_a_list(
    live_server: Any, full: World, tmp_path: Path, page: str, columns: list[str]
) -> None:
    edge = "document.querySelector('.results').getBoundingClientRect().right"

    with signed_in(
        live_server, full.superuser, tmp_path / "profile", width=_DESK, language="en"
    ) as (browser, url):
        browser.go(url + reverse(f"admin:{page}_changelist"))
        hidden = [
            column
            for column in columns
            if browser.run(
                f"return document.querySelector('th.column-{column}')"
                f".getBoundingClientRect().right > {edge}"
            )
        ]

    assert hidden == []
