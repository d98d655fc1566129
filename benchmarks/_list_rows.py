"""Rows of a large site and of a small one beside it, made inside of PostgreSQL."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

SURNAMES = "张王李赵刘陈杨黄周吴徐孙马朱胡郭何高林罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉兰红健文斌宇浩凯瑞晨曦雨欣子涵"
BEGUN = datetime(2026, 1, 5, 8, tzinfo=UTC)
MOMENT = "timestamptz '2026-01-05 08:00+00'"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many rows a site has; every person is on every terminal."""

    people: int
    terminals: int
    records: int
    alerts: int


SMALL = Sizes(people=40, terminals=2, records=400, alerts=40)
LARGE = Sizes(people=20_000, terminals=60, records=300_000, alerts=300_000)


def multiply(row: Any, source: str, *, where: str = "", **columns: str) -> None:
    """Insert a copy of a row for each row of a source, with these columns of their own."""
    from django.db import connection

    quote = connection.ops.quote_name
    fields = [field.column for field in row._meta.concrete_fields if not field.primary_key]
    into = ", ".join(map(quote, fields))
    values = ", ".join(columns.get(name, f"model.{quote(name)}") for name in fields)
    table = quote(row._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({into}) SELECT {values} FROM {source}, {table} AS model"
            f" WHERE model.id = {row.pk}{f' AND {where}' if where else ''}"
        )


def _name(number: str) -> str:
    """SQL of a Chinese name by number."""
    parts = ((SURNAMES, number), (GIVEN, f"{number} * 7"), (GIVEN, f"{number} / 3"))
    return " || ".join(f"substr('{of}', 1 + (({at}) % {len(of)})::int, 1)" for of, at in parts)


def fill(code: str, sizes: Sizes) -> Any:
    """Enter a site with all its rows and return it."""
    from devices.models import Terminal
    from devices.services import site_create
    from faces.models import Delivery, Person
    from records.models import Alert, Record

    site = site_create(code=code, name=code)
    person = Person.objects.create(site=site, user_id="1000000", name="张三丰")
    multiply(
        person,
        f"generate_series(1, {sizes.people - 1}) AS n",
        user_id="(1000000 + n)::text",
        name=_name("n"),
        mobile="'1380' || lpad(n::text, 7, '0')",
    )
    door = Terminal.objects.create(site=site, device_id="1", name="Door 1", status="approved")
    multiply(
        door,
        f"generate_series(2, {sizes.terminals}) AS n",
        device_id="n::text",
        name="'Door ' || n",
    )
    made = Delivery.objects.create(
        terminal=door, person=person, user_id="1000000", state="stored", changed_at=BEGUN
    )
    multiply(
        made,
        "faces_person AS p, devices_terminal AS t",
        where=f"p.site_id = {site.pk} AND t.site_id = {site.pk}"
        f" AND (p.id, t.id) <> ({person.pk}, {door.pk})",
        terminal_id="t.id",
        person_id="p.id",
        user_id="p.user_id",
        # Most are stored, a few failed, and those entered together changed in one moment.
        state="CASE WHEN (p.id + t.id) % 997 = 0 THEN 'failed' ELSE 'stored' END",
        remedy="CASE WHEN (p.id + t.id) % 997 = 0 THEN 'retake' ELSE '' END",
        changed_at=f"{MOMENT} + (p.id / 500) * interval '1 minute'",
    )
    record = Record.objects.create(
        site=site,
        terminal=door,
        kind="pass",
        dedupe_key="0",
        reason="allowed",
        door_opened=True,
        person=person,
        user_id=person.user_id,
        user_name=person.name,
        received_at=BEGUN,
    )
    multiply(
        record,
        f"generate_series(1, {sizes.records - 1}) AS n, faces_person AS who",
        where=f"who.id = {person.pk} + n % {sizes.people}",
        terminal_id=f"{door.pk} + n % {sizes.terminals}",
        dedupe_key="n::text",
        person_id="who.id",
        user_id="who.user_id",
        user_name="who.name",
        received_at=f"{MOMENT} + n * interval '20 seconds'",
        is_late="n % 1000 = 0",
    )
    alert = Alert.objects.create(
        site=site, terminal=door, kind="high_temperature", severity="warning", raised_at=BEGUN
    )
    multiply(
        alert,
        f"generate_series(1, {sizes.alerts - 1}) AS n, faces_person AS who",
        where=f"who.id = {person.pk} + n % {sizes.people}",
        terminal_id=f"{door.pk} + n % {sizes.terminals}",
        user_id="who.user_id",
        user_name="who.name",
        state="CASE WHEN n % 50 = 0 THEN 'active' ELSE 'cleared' END",
        raised_at=f"{MOMENT} + n * interval '1 minute'",
    )
    return site


def enter() -> None:
    """Enter the small site, then the large one, and their users."""
    from django.contrib.auth.models import User
    from django.db import connection

    from devices.models import SiteMembership

    User.objects.create_superuser("root")
    # What the small site has is old: a list of everything begins with the large site's rows.
    for code, sizes in (("small", SMALL), ("large", LARGE)):
        user = User.objects.create_user(code, is_staff=True)
        SiteMembership.objects.create(user=user, site=fill(code, sizes), role="manager")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
