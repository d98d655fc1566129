"""Jobs go on after whatever broke off, do nothing twice, and let others have their turn."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from devices.models import Job, Site
from devices.services import (
    JobKind,
    JobStep,
    job_kind_register,
    job_start,
    job_work,
    jobs_forget,
    jobs_start,
    jobs_sweep,
    over_ids,
)
from devices.services.jobs import kinds as registry
from records.choices import AlertKind, AlertState
from records.models import Alert
from tests.support.processes import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


class Notes:
    """A kind that notes on the site how many rows were worked on, within the batch."""

    def __init__(self) -> None:
        self.breaks_at: int | None = None
        self.seen: list[int] = []

    def work(self, job: Job, ids: list[int]) -> int:
        """Count these; break off after having written, when told to."""
        self.seen += ids
        Site.objects.filter(pk=job.site_id).update(name=f"{job.site.name}+{len(ids)}")
        if self.breaks_at in ids:
            raise OSError("the disk is gone")
        return len(ids)


@pytest.fixture
def notes() -> Iterator[Notes]:
    notes = Notes()
    kind = JobKind(
        "tests.notes",
        title=lambda total: f"{total} notes",
        step=over_ids(notes.work, batch=10, count="rows"),
        words=lambda result: f"{result['rows']} rows",
        at_once=20,
    )
    job_kind_register(kind)
    yield notes
    del registry._kinds["tests.notes"]


def begun(site: Site, total: int) -> Job:
    ids = list(range(1, total + 1))
    return job_start(kind="tests.notes", site_id=site.pk, arguments={"ids": ids}, total=total)


def test_a_small_job_is_done_when_it_has_begun(site: Site, notes: Notes) -> None:
    job = begun(site, 20)

    assert (job.state, job.done, job.result) == ("done", 20, {"rows": 20})
    assert job.ended_at is not None
    assert (job.arguments, job.position) == ({}, None)


def test_a_large_job_is_queued_after_commit(
    site: Site, notes: Notes, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks() as queued:
        job = begun(site, 21)

    assert (job.state, job.done, len(queued)) == ("waiting", 0, 1)
    assert notes.seen == []


def test_a_worker_goes_on_where_the_last_batch_ended(site: Site, notes: Notes) -> None:
    job = begun(site, 35)

    moved = [job_work(job_id=job.pk, turn_s=0) for _ in range(5)]

    job.refresh_from_db()
    assert moved == [True, True, True, True, False]
    assert (job.state, job.result) == ("done", {"rows": 35})
    assert notes.seen == list(range(1, 36))


def test_a_batch_that_breaks_off_leaves_nothing_and_is_done_again(site: Site, notes: Notes) -> None:
    """What it wrote is rolled back with it; the batches before stay."""
    job = begun(site, 35)
    notes.breaks_at = 15

    job_work(job_id=job.pk)

    job.refresh_from_db()
    site.refresh_from_db()
    assert (job.state, job.done, job.failures) == ("running", 10, 1)
    assert site.name == "Garden+10"
    notes.breaks_at = None
    job_work(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.result, job.failures) == ("done", {"rows": 35}, 0)


def test_a_job_that_fails_five_times_ends_with_what_it_has_done(site: Site, notes: Notes) -> None:
    job = begun(site, 35)
    notes.breaks_at = 15

    for _ in range(5):
        job_work(job_id=job.pk)

    job.refresh_from_db()
    assert (job.state, job.done, job.result) == ("failed", 10, {"rows": 10})
    assert not job_work(job_id=job.pk)


def test_a_kind_that_this_version_does_not_know_fails_and_is_not_lost(site: Site) -> None:
    job = Job.objects.create(site=site, kind="tests.of_a_later_version", total=5)

    job_work(job_id=job.pk)

    job.refresh_from_db()
    assert (job.state, job.failures) == ("waiting", 1)


def test_the_sweep_queues_what_nothing_has_moved(
    site: Site, notes: Notes, django_capture_on_commit_callbacks: Any
) -> None:
    begun(site, 35)

    with django_capture_on_commit_callbacks() as queued:
        assert jobs_sweep() == 0
        assert jobs_sweep(now=timezone.now() + timedelta(seconds=30)) == 1

    assert len(queued) == 1


def test_jobs_are_forgotten_when_they_ended_long_ago(site: Site, notes: Notes) -> None:
    begun(site, 5)
    begun(site, 35)

    assert jobs_forget() == 0
    assert jobs_forget(now=timezone.now() + timedelta(days=91)) == 1
    assert Job.objects.get().ended_at is None


def test_rows_of_two_sites_are_two_jobs(site: Site, notes: Notes) -> None:
    other = Site.objects.create(code="other", name="Other")

    jobs = jobs_start(kind="tests.notes", rows=[(site.pk, 3), (other.pk, 1), (site.pk, 2)])

    assert [(job.site_id, job.total) for job in jobs] == [(site.pk, 2), (other.pk, 1)]


def test_two_kinds_of_one_name_are_a_mistake(notes: Notes) -> None:
    with pytest.raises(ValueError, match=r"tests\.notes"):
        job_kind_register(
            JobKind("tests.notes", title=str, step=lambda job: JobStep(None, 0), words=str)
        )


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_a_second_worker_does_not_wait_for_the_first(site: Site, notes: Notes) -> None:
    job = begun(site, 35)
    moved: list[bool] = []

    with transaction.atomic():
        Job.objects.select_for_update().get(pk=job.pk)
        worker = threading.Thread(target=lambda: moved.append(_work_and_close(job.pk)))
        worker.start()
        worker.join(timeout=20)

    assert moved == [False]
    assert notes.seen == []


def _work_and_close(job_id: int) -> bool:
    try:
        return job_work(job_id=job_id)
    finally:
        connection.close()


@pytest.mark.django_db(transaction=True)
@pytest.mark.postgres
def test_after_kill_9_within_a_batch_it_goes_on_and_does_nothing_twice(site: Site) -> None:
    """The worker is killed while its third batch waits for a row that somebody else holds."""
    Alert.objects.bulk_create(
        Alert(site=site, kind=AlertKind.NO_MASK, severity="info", raised_at=timezone.now())
        for _ in range(1800)
    )
    keys = list(Alert.objects.order_by("pk").values_list("pk", flat=True))
    job = job_start(
        kind="records.alerts_acknowledge",
        site_id=site.pk,
        arguments={"ids": keys},
        total=len(keys),
    )
    worker = None

    with transaction.atomic():
        Alert.objects.select_for_update().get(pk=keys[1200])
        worker = _worker_of(job)
        _until_somebody_waits_for_a_row(worker)
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=20)
    first = {one.pk: one.acknowledged_at for one in Alert.objects.exclude(state=AlertState.ACTIVE)}
    job.refresh_from_db()
    assert (job.done, len(first)) == (1000, 1000)

    # The database notices a moment later that the worker is gone, and gives its lock back.
    wait_until(lambda: job_work(job_id=job.pk))

    job.refresh_from_db()
    assert (job.state, job.result) == ("done", {"alerts": 1800})
    assert not Alert.objects.filter(state=AlertState.ACTIVE).exists()
    again = Alert.objects.filter(pk__in=first).values_list("pk", "acknowledged_at")
    assert dict(again) == first


def _worker_of(job: Job) -> subprocess.Popen[bytes]:
    code = f"from devices.services import job_work; job_work(job_id={job.pk}, turn_s=60)"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "menjin.settings.test",
        "TEST_DATABASE_URL": _address(),
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code], cwd=ROOT, env=environment
    )


def _address() -> str:
    """Return where the tests' own database is, as this process is connected to it."""
    given = os.environ["TEST_DATABASE_URL"]
    parts = urlsplit(given)
    return urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))


def _until_somebody_waits_for_a_row(worker: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    while time.monotonic() < deadline:
        assert worker.poll() is None
        with connection.cursor() as cursor:
            # The view is a snapshot within a transaction, unless it is thrown away.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(query)
            row = cursor.fetchone()
        if row and row[0]:
            return
        time.sleep(0.05)
    pytest.fail("the worker never came to the row")
