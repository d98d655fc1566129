"""Jobs as programs follow them."""

from rest_framework.test import APIClient

from devices.models import Job
from devices.services import job_work
from faces.models import Delivery
from faces.services.jobs import terminals_send_again as module
from tests.support.two_sites import World

JOBS = "/api/v1/jobs/"


def test_a_job_tells_how_far_it_is_and_what_it_did(manager: APIClient, world: World) -> None:
    shown = manager.get(f"{JOBS}{world.ours.job.pk}/").json()

    assert {name: shown[name] for name in ("kind", "state", "total", "done", "result")} == {
        "kind": "faces.people_erase",
        "state": "done",
        "total": 1,
        "done": 1,
        "result": {"people": 1},
    }
    assert "arguments" not in shown


def test_jobs_are_neither_made_nor_changed(manager: APIClient, world: World) -> None:
    address = f"{JOBS}{world.ours.job.pk}/"

    assert manager.post(JOBS, {"kind": "faces.people_erase"}).status_code == 405
    for method in ("put", "patch", "delete"):
        assert getattr(manager, method)(address, {}).status_code == 405


def test_sending_much_again_answers_202_and_a_job_to_follow(
    manager: APIClient, world: World
) -> None:
    terminal = world.ours.terminal
    Delivery.objects.bulk_create(
        Delivery(
            terminal=terminal,
            user_id=f"p{one}",
            person=world.ours.person,
            state="failed",
            changed_at=terminal.created_at,
        )
        for one in range(module.BATCH)
    )

    answer = manager.post(f"/api/v1/devices/{terminal.pk}/send-again/", {"scope": "failed"})

    assert answer.status_code == 202
    job = Job.objects.get(state="waiting")
    assert answer.json() == {"deliveries": module.BATCH + 1, "job": job.pk}
    assert job_work(job_id=job.pk)
    shown = manager.get(f"{JOBS}{job.pk}/").json()
    assert (shown["state"], shown["done"]) == ("done", module.BATCH + 1)
    assert shown["result"]["deliveries"] == module.BATCH + 1


def test_filters(manager: APIClient, world: World) -> None:
    assert manager.get(JOBS, {"state": "done"}).json()["count"] == 1
    assert manager.get(JOBS, {"state": "failed"}).json()["count"] == 0
    assert manager.get(JOBS, {"kind": "faces.people_erase"}).json()["count"] == 1
