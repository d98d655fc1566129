"""Jobs on pages: asked for by an action, followed on a page of their own."""

from django.contrib.admin.models import LogEntry
from django.urls import reverse
from django.utils import timezone

from devices.models import Job
from devices.services import job_kinds_all
from faces.models import Library, LibraryMembership, Person
from records.models import Alert
from tests.support.two_sites import World, client_of

PEOPLE = "admin:faces_person_changelist"
ALERTS = "admin:records_alert_changelist"


def many_people(world: World, number: int) -> list[int]:
    people = Person.objects.bulk_create(
        Person(site=world.ours.site, user_id=f"many-{one}", name=f"Many {one}")
        for one in range(number)
    )
    return [person.pk for person in people]


def test_erasing_many_people_leads_to_its_progress(world: World) -> None:
    keys = many_people(world, 60)
    client = client_of(world.manager)
    chosen = {"action": "delete_selected", "_selected_action": keys}

    asked = client.post(reverse(PEOPLE), chosen)
    begun = client.post(reverse(PEOPLE), {**chosen, "post": "yes", "chosen": 60})

    job = Job.objects.get(state="waiting")
    assert "Are you sure" in asked.content.decode()
    assert (job.site, job.total, job.requester) == (world.ours.site, 60, "manager")
    assert (job.requested_by, job.way) == (world.manager, "page")
    assert begun["Location"] == reverse("admin:devices_job_change", args=[job.pk])
    # The admin's log outlives people and holds no names.
    shown = LogEntry.objects.filter(object_id__in=map(str, keys))
    assert {entry.object_repr for entry in shown} == {f"many-{one}" for one in range(60)}


def test_thousands_of_people_across_pages_are_asked_about_with_one_field(world: World) -> None:
    """A field for each was refused as too many, so a thousand people could not be deleted."""
    keys = many_people(world, 1100)
    client = client_of(world.manager)
    chosen = {"action": "delete_selected", "_selected_action": keys[:1], "select_across": 1}

    asked = client.post(reverse(PEOPLE), chosen).content.decode()
    begun = client.post(reverse(PEOPLE), {**chosen, "post": "yes", "chosen": 1101})

    assert asked.count('name="_selected_action"') == 1
    assert 'name="chosen" value="1101"' in asked
    assert begun.status_code == 302
    assert Job.objects.get(state="waiting").total == 1101


def test_what_came_after_the_question_is_not_deleted_unasked(world: World) -> None:
    keys = many_people(world, 3)
    client = client_of(world.manager)
    chosen = {"action": "delete_selected", "_selected_action": keys[:1], "select_across": 1}

    again = client.post(reverse(PEOPLE), {**chosen, "post": "yes", "chosen": 3})

    assert again.status_code == 200
    assert "Are you sure" in again.content.decode()
    assert Person.objects.filter(site=world.ours.site).count() == 4


def test_a_few_alerts_are_acknowledged_at_once_and_many_by_a_job(world: World) -> None:
    client = client_of(world.guard)
    one = {"action": "acknowledge", "_selected_action": [world.ours.alert.pk]}

    said = client.post(reverse(ALERTS), one, follow=True).content.decode()
    Alert.objects.bulk_create(
        Alert(site=world.ours.site, kind="no_mask", severity="info", raised_at=timezone.now())
        for _ in range(501)
    )
    keys = list(Alert.objects.filter(state="active").values_list("pk", flat=True))
    many = {"action": "acknowledge", "_selected_action": keys[:1], "select_across": 1}
    led = client.post(reverse(ALERTS), many)

    assert "1 alert acknowledged." in said
    job = Job.objects.get(state="waiting")
    assert (job.total, job.site) == (501, world.ours.site)
    assert led["Location"] == reverse("admin:devices_job_change", args=[job.pk])


def test_the_page_of_a_job_refreshes_itself_until_it_is_over(world: World) -> None:
    job = Job.objects.create(
        site=world.ours.site, kind="faces.people_erase", state="running", total=60, done=50
    )
    address = reverse("admin:devices_job_change", args=[job.pk])
    client = client_of(world.guard)

    running = client.get(address).content.decode()
    part = client.get(address, {"part": 1}).content.decode()
    Job.objects.filter(pk=job.pk).update(state="failed", ended_at=timezone.now())
    over = client.get(address).content.decode()

    assert "data-open" in running
    assert "50 / 60" in part
    assert "<html" not in part
    assert "data-open" not in over
    assert "it can be asked for again" in over


def test_a_job_asked_for_is_not_changed_or_deleted_by_hand(world: World) -> None:
    client = client_of(world.superuser)
    address = reverse("admin:devices_job_change", args=[world.ours.job.pk])

    client.post(address, {"state": "waiting"})
    refused = client.post(address.replace("/change/", "/delete/"), {"post": "yes"})

    assert refused.status_code == 403
    assert Job.objects.get(pk=world.ours.job.pk).state == "done"


def test_libraries_are_deleted_by_the_same_means(world: World) -> None:
    library = Library.objects.create(site=world.ours.site, name="Alpha cellar")
    LibraryMembership.objects.create(library=library, person=world.ours.person)

    page = client_of(world.manager).post(
        reverse("admin:faces_library_changelist"),
        {"action": "delete_selected", "_selected_action": [library.pk], "post": "yes"},
        follow=True,
    )

    assert "1 library was deleted." in page.content.decode()
    assert not Library.objects.filter(pk=library.pk).exists()


def test_a_job_is_called_by_what_it_does_to_how_many_of_what(world: World) -> None:
    """ "Clear" alone says nothing in a list of jobs of every kind."""
    client = client_of(world.superuser)
    for kind in job_kinds_all():
        Job.objects.create(
            site=world.ours.site, kind=kind, state="done", total=12, ended_at=timezone.now()
        )

    english = client.get(reverse("admin:devices_job_changelist")).content.decode()
    client.cookies["django_language"] = "zh-hans"
    chinese = client.get(reverse("admin:devices_job_changelist")).content.decode()

    for words in ("Clear 12 alerts", "Approve 12 terminals", "Erase 12 people"):
        assert words in english
    for words in ("解除 12 条告警", "批准 12 台终端", "删除 12 名人员"):
        assert words in chinese
