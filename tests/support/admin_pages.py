"""Addresses of every page that people read, and sites with a row of each kind to show."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.urls import URLPattern, reverse
from django.utils import timezone

from console import urls as console_urls
from console.models import FailedSignIn, SignInLock
from devices.choices import CallWord, CommandKind, CommandState, JobState
from devices.models import Job, TerminalCommand
from devices.services import SCHEDULE, api_token_create, job_kinds_all
from faces.models import LibraryPlan, TimePlan
from records.choices import AlertKind, Reason, VerificationResult
from records.models import Alert, FaceNegative, PassRules, Record
from records.services import decision_preview
from terminal_protocol import FAULT_WORDS
from tests.support.two_sites import Side, World, client_of


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
    ends: list[tuple[str, str, str]] = [
        *((kind, "done", "") for kind in CommandKind if kind != CommandKind.JSON)
    ]
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


def own_pages(model_admin: "admin.ModelAdmin[Any]", world: World) -> Iterator[str]:
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


def console_html(user: User) -> list[str]:
    """Return those of the console's addresses that are pages."""
    client = client_of(user)
    found = []
    for address in console_pages():
        answer: Any = client.get(address)
        is_page = "text/html" in answer.headers.get("Content-Type", "")
        found += [address] if is_page and answer.status_code == 200 else []
    assert len(found) > 1
    return found
