"""After a test that commits, the database is as it was migrated (``tests.support.quick_flush``)."""

import pytest
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection

from faces.models import Library, Person
from tests.support.factories import make_library, make_person, make_site, make_terminal, make_user

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.sqlite]


def _filled() -> set[str]:
    """Return the tables that have rows."""
    names = connection.introspection.django_table_names(only_existing=True)
    with connection.cursor() as cursor:
        found = set()
        for name in names:
            cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(name)}")
            if cursor.fetchone()[0]:
                found.add(name)
    return found


def _flush() -> None:
    """Empty the database as Django does after a test that commits."""
    call_command(
        "flush",
        verbosity=0,
        interactive=False,
        database="default",
        reset_sequences=False,
        allow_cascade=False,
        inhibit_post_migrate=False,
    )


def _fill() -> None:
    site = make_site()
    library: Library = make_library(site)
    person: Person = make_person(site, libraries=[library])
    make_terminal(site)
    user: User = make_user(site)
    user.user_permissions.add(Permission.objects.first())
    assert person.pk and _filled() > {"devices_site", "faces_person", "auth_user"}


def test_only_content_types_and_permissions_are_left_as_they_were() -> None:
    before = [
        set(model.objects.values_list("pk", flat=True)) for model in (ContentType, Permission)
    ]
    _fill()

    _flush()

    assert _filled() == {"django_content_type", "auth_permission"}
    after = [set(model.objects.values_list("pk", flat=True)) for model in (ContentType, Permission)]
    assert after == before


def test_a_permission_that_a_test_added_is_gone() -> None:
    _fill()
    count = Permission.objects.count()
    kind = ContentType.objects.get(app_label="devices", model="site")
    Permission.objects.create(content_type=kind, codename="added", name="Added")

    _flush()

    assert _filled() == {"django_content_type", "auth_permission"}
    assert not Permission.objects.filter(codename="added").exists()
    assert Permission.objects.count() == count
