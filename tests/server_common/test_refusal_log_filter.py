"""A refused request is one line of the log, a warning, and a page in words."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, SuspiciousFileOperation
from django.test import Client, RequestFactory
from django.urls import reverse

from server_common.refusal_log_filter import RefusalFilter

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]
RECORDS = "/admin/records/record/"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Return what the log of the settings says."""
    (handler,) = [one for one in logging.getLogger().handlers if type(one) is logging.StreamHandler]
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


@pytest.fixture
def browser() -> Client:
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_superuser("root"))
    return client


def said(lines: io.StringIO) -> str:
    (line,) = lines.getvalue().splitlines()
    return line


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_a_filter_that_is_not_offered_is_a_line_and_a_page(
    browser: Client, lines: io.StringIO, language: str
) -> None:
    browser.cookies["django_language"] = language

    answer = browser.get(RECORDS, {"user_name__regex": "(secret+)+$"})

    assert answer.status_code == 400
    words = {"en": "Not understood", "zh-hans": "无法理解"}[language]
    assert words in answer.content.decode()
    line = said(lines)
    assert " WARNING " in line
    assert line.endswith(
        f"request_refused kind=DisallowedModelAdminLookup path={RECORDS} status=400"
    )


def test_an_unknown_host_is_a_line_without_its_name(
    browser: Client, lines: io.StringIO, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["testserver"]

    answer = browser.get("/sign-in/", headers={"Host": "evil.example"})

    assert answer.status_code == 400
    assert "kind=DisallowedHost path=/sign-in/ status=400" in said(lines)
    assert "evil" not in lines.getvalue()


def test_a_form_of_another_page_is_a_line_and_a_page(browser: Client, lines: io.StringIO) -> None:
    answer = browser.post(
        reverse("admin:auth_group_add"), {"name": "x"}, headers={"Origin": "http://evil.example"}
    )

    assert answer.status_code == 403
    assert "Sent from an old page" in answer.content.decode()
    assert "kind=csrf path=/admin/auth/group/add/ status=403" in said(lines)
    assert "evil" not in lines.getvalue()


def test_too_many_fields_are_a_line(browser: Client, lines: io.StringIO, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 2

    answer = browser.get(RECORDS, {"a": 1, "b": 2, "c": "secret"})

    assert answer.status_code == 400
    assert "kind=TooManyFieldsSent" in said(lines)


def test_a_value_that_no_filter_offers_leaves_no_traceback(
    browser: Client, lines: io.StringIO
) -> None:
    answer = browser.get(RECORDS, {"site__id__exact": "x" * 9})

    assert answer.status_code == 400
    assert " WARNING " in said(lines)


def record_of(name: str, error: Exception, *, status: int, path: str) -> logging.LogRecord:
    extra = {"status_code": status, "request": RequestFactory().get("/")}
    extra["request"].path = path  # type: ignore[attr-defined]
    record = logging.LogRecord(
        name, logging.ERROR, "", 1, str(error), (), (type(error), error, None)
    )
    record.__dict__.update(extra)
    return record


def test_a_path_stays_in_its_line() -> None:
    error = SuspiciousFileOperation("secret")
    record = record_of(
        "django.security.SuspiciousFileOperation", error, status=400, path="/a\nERROR b" + "x" * 500
    )

    assert RefusalFilter().filter(record)

    text = logging.Formatter().format(record)
    assert text.startswith("request_refused kind=SuspiciousFileOperation path=/a\\nERROR b")
    assert len(text) < 300
    assert "secret" not in text
    assert "\n" not in text


def test_errors_of_the_server_keep_their_traceback() -> None:
    record = record_of("django.request", ValueError("broken"), status=500, path="/")
    refused = record_of("django.request", PermissionDenied("no"), status=403, path="/")

    assert RefusalFilter().filter(record)
    assert RefusalFilter().filter(refused)

    assert "ValueError" in logging.Formatter().format(record)
    assert record.levelno == logging.ERROR
    assert "PermissionDenied" not in logging.Formatter().format(refused)
    assert refused.levelno == logging.WARNING
