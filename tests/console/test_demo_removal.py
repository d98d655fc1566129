"""Closing the demonstration, and erasing it until nothing of it is left."""

import base64
from collections import Counter
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from console.demo import DemoSite, demo_prepare
from console.demo_removal import demo_close, demo_remove
from console.server_locks import serving
from devices.models import (
    AuditEntry,
    PresenceChange,
    Site,
    SiteMembership,
    Terminal,
    TerminalAddress,
)
from devices.selectors import demonstration_site
from devices.services import site_change
from faces.models import Holiday, LibraryPlan, Person, TimePlan
from faces.services import gallery_rebuild, person_erase
from records.models import PassRules, Record, RecordCursor
from records.services import not_this_person
from tests.support.factories import make_person, wire_of
from tests.support.two_sites import side
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]
# Kinds and permissions belong to the installation.
LASTING = {"ContentType", "Permission"}


@pytest.fixture
def demo(tmp_path: Path, portraits: dict[str, Path]) -> DemoSite:
    """Return the demonstration, as ``make run`` prepares it."""
    return prepared(tmp_path, portraits)


def prepared(folder: Path, portraits: dict[str, Path]) -> DemoSite:
    return demo_prepare(portraits=portraits, folder=folder / "demo", say=lambda _text: None)


def rows() -> Counter[str]:
    """Count the rows of every table."""
    models = [model for model in apps.get_models() if model.__name__ not in LASTING]
    return Counter({model._meta.label: model._default_manager.count() for model in models})


def files() -> set[Path]:
    return {one for one in (Path(settings.VAR) / "media").rglob("*") if one.is_file()}


def used(demo: DemoSite, portraits: dict[str, Path]) -> None:
    """Have everything happen at the demonstration that leaves something behind."""
    site = demo.site
    terminal = Terminal.objects.get(site=site)
    stranger = WireClient(token=None, device_id="0000777")
    stranger.poll()
    wire = wire_of(terminal)
    wire.sync()
    picture = portraits["obama2.jpg"].read_bytes()
    body = {
        "userId": "1001", "userName": "Barack Obama", "img": base64.b64encode(picture).decode(),
        "screenTime": str(int(timezone.now().timestamp())), "temperature": "39.2",
        "idCardInfo": {"id": "11010519491231002X", "name": "Barack Obama"},
    }  # fmt: skip
    wire.post("syface", body)
    record = Record.objects.get(site=site)
    not_this_person(record=record, user=None)
    for gallery in site.galleries.all():
        gallery_rebuild(gallery_id=gallery.pk)
    me = make_person(site, photo=portraits["astronaut.png"], name="Me", user_id="me")
    gone = make_person(site, name="Gone", user_id="gone", libraries=list(site.libraries.all()))
    person_erase(person=gone)
    library = site.libraries.get()
    plan = TimePlan.objects.create(site=site, name="Day")
    LibraryPlan.objects.create(library=library, plan=plan)
    Holiday.objects.create(site=site, date=timezone.now().date(), name="Rest")
    PassRules.objects.get_or_create(site=site)
    now = timezone.now()
    RecordCursor.objects.create(terminal=terminal, fetched_until=now, fetched_at=now)
    PresenceChange.objects.create(terminal=terminal, presence="online", at=timezone.now())
    TerminalAddress.objects.create(
        terminal=terminal, address="127.0.0.1", first_seen_at=timezone.now()
    )
    admin = User.objects.get(username="admin")
    SiteMembership.objects.create(site=site, user=admin)
    for row in (me, terminal, library, plan, site, record):
        LogEntry.objects.log_actions(admin.pk, [row], ADDITION, "added")
    (demo.folder / "visitors" / "5-me.jpg").write_bytes(picture)
    (demo.folder / "terminal").mkdir()
    (demo.folder / "terminal" / "store.sqlite3").write_bytes(b"x")


@pytest.mark.slow
def test_nothing_of_the_demonstration_is_left_but_the_administrator(
    tmp_path: Path, portraits: dict[str, Path]
) -> None:
    # What other tests left belongs to no row, and may be swept meanwhile.
    for left_behind in files():
        left_behind.unlink()
    side("bravo", "Bravo")
    others, other_files = rows(), files()
    demo = prepared(tmp_path, portraits)
    used(demo, portraits)
    site_change(site=demo.site, code="renamed", name="Our house")
    assert files() > other_files

    removed = demo_remove(folder=demo.folder)

    assert (removed.site, removed.people, removed.records) == ("Our house", 3, 1)
    assert removed.files_left == 0
    left = rows() - others
    # The audit tells that the administrator was made.
    assert not AuditEntry.objects.filter(site_name__in=["Our house", demo.site.name]).exists()
    assert set(left) == {"auth.User", "devices.AuditEntry"}
    assert left["auth.User"] == 1
    assert others - rows() == Counter()
    assert files() == other_files
    assert [one.name for one in demo.folder.iterdir()] == ["admin.json"]
    again = prepared(tmp_path, portraits)
    assert again.admin_password == demo.admin_password
    assert User.objects.get(username="admin").check_password(demo.admin_password)


def test_an_erased_resident_is_not_enrolled_anew(
    tmp_path: Path, portraits: dict[str, Path]
) -> None:
    demo = prepared(tmp_path, portraits)
    used(demo, portraits)
    person_erase(person=Person.objects.get(site=demo.site, user_id="1002"))

    prepared(tmp_path, portraits)

    kept = Person.objects.filter(site=demo.site, user_id__in=["1001", "1002"])
    assert [person.user_id for person in kept] == ["1001"]


@pytest.mark.sqlite(only=True)
def test_no_name_is_left_in_the_file(demo: DemoSite, portraits: dict[str, Path]) -> None:
    """SQLite keeps deleted rows in free pages, and in its log."""
    used(demo, portraits)
    stored = Path(str(connection.settings_dict["NAME"]))

    def told() -> bytes:
        connection.close()
        return b"".join(one.read_bytes() for one in stored.parent.glob(f"{stored.name}*"))

    assert b"Barack Obama" in told()

    demo_remove(folder=demo.folder)

    assert b"Barack Obama" not in told()


def test_removing_twice_or_nothing_changes_nothing(demo: DemoSite, tmp_path: Path) -> None:
    demo_remove(folder=demo.folder)
    before = rows()

    again = demo_remove(folder=demo.folder)
    nowhere = demo_remove(folder=tmp_path / "nowhere")

    assert (again.site, again.people, nowhere.site) == ("", 0, "")
    assert rows() == before


def test_a_site_that_is_only_called_demo_is_left_alone(
    tmp_path: Path, portraits: dict[str, Path]
) -> None:
    real = side("demo", "Demo community")
    demo = prepared(tmp_path, portraits)

    assert demonstration_site() == demo.site != real.site
    demo_remove(folder=demo.folder)

    assert Person.objects.get() == real.person
    assert Site.objects.get() == real.site


def test_a_closed_demonstration_stays_closed_and_its_own_terminal_goes_on(
    demo: DemoSite, tmp_path: Path, portraits: dict[str, Path]
) -> None:
    assert demo.site.auto_approve
    assert demo.site.allow_bare_path
    terminal = Terminal.objects.get(site=demo.site)

    assert demo_close() == demo.site
    again = prepared(tmp_path, portraits)

    assert not again.site.auto_approve
    assert not again.site.allow_bare_path
    assert wire_of(terminal).sync() == 2
    assert WireClient(token=None, device_id="0000777").poll_refused() == "10005"
    token = demo.site.tokens.get().token
    WireClient(token=token, device_id="0000778").poll()
    assert Terminal.objects.get(device_id="0000778").status == "pending"


def test_a_demonstration_made_while_a_network_is_served_is_closed_from_its_beginning(
    tmp_path: Path, portraits: dict[str, Path]
) -> None:
    with serving("0.0.0.0"):
        demo = prepared(tmp_path, portraits)

    assert not demo.site.auto_approve
    assert not demo.site.allow_bare_path


def test_there_may_be_nothing_to_close() -> None:
    assert demo_close() is None
