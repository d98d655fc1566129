"""Times of the admin's and REST's lists on a platform with millions of rows.

Fills a PostgreSQL of its own with 20,000 people on 60 terminals (1.2 million deliveries), 300,000
records and 300,000 alerts, beside a small site whose rows are older, and asks for lists as a
superuser, as the manager of the large site and as that of the small one: first page, filtered, far
down, searched. Beside it the same pages are read as the platform did before: counted whole, by
joins, by their number, searched by parts of text.

``--database URL`` takes one that was filled before; with ``--fill`` it is filled first and kept.
``--plans`` prints how PostgreSQL answers the slowest question of each page.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from _report import Timing, conclude, measure_in_turns, print_table, rounds, standard_arguments

from tests.support.services import pytest_unconfigure, start_postgres

BOUND_MS = 300.0
ADMIN, REST = "/admin/faces/delivery/", "/api/v1/deliveries/"


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a list, with the former query of its rows.

    Attributes:
        name: in words.
        url: of the page.
        before: makes the rows' queryset of a user as it was, sorted.
        offset: rows above the page, when it was asked for by its number.
        counts: how often all of them were counted.
    """

    name: str
    url: str
    before: Callable[[Any], Any]
    offset: int = 0
    counts: int = 1


def scoped(rows: Any, user: Any, path: str) -> Any:
    """Return rows restricted by the former join with the site."""
    from devices.selectors import sites_visible

    return rows.filter(**{f"{path}__in": sites_visible(user)})


Rows = Callable[[Any], Any]


def any_part(rows: Any, word: str, *columns: str) -> Any:
    """Return rows by the former search."""
    from django.db.models import Q

    parts = [Q(**{f"{column}__icontains": word}) for column in columns]
    return rows.filter(Q.create(list(parts), connector=Q.OR))


def part(rows: Rows, word: str, *columns: str) -> Rows:
    """Return what finds a user's rows with a word in one of the columns."""
    return lambda user: any_part(rows(user), word, *columns)


def only(rows: Rows, **values: object) -> Rows:
    """Return what finds a user's rows with these values."""
    return lambda user: rows(user).filter(**values)


def deliveries(user: Any) -> Any:
    from faces.models import Delivery

    rows = Delivery.objects.select_related("terminal", "terminal__site", "person")
    return scoped(rows, user, "terminal__site")


def records(user: Any) -> Any:
    from records.models import Record

    rows = Record.objects.select_related("terminal", "site", "person", "picture", "negative")
    return scoped(rows, user, "site")


def alerts(user: Any) -> Any:
    from records.models import Alert

    return scoped(Alert.objects.select_related("terminal", "site", "record"), user, "site")


def people(user: Any) -> Any:
    from faces.models import Person

    return scoped(Person.objects.select_related("site"), user, "site")


_D = ("user_id", "person__name", "terminal__device_id", "terminal__name")
_R = ("user_id", "user_name", "terminal__device_id", "terminal__name")


def pages() -> Iterator[Page]:
    """Yield the measured pages."""
    for name, path, rows, deep in (
        ("deliveries", "faces/delivery", deliveries, 1_100_000),
        ("records", "records/record", records, 250_000),
        ("alerts", "records/alert", alerts, 250_000),
        ("people", "faces/person", people, 15_000),
    ):
        admin, rest = f"/admin/{path}/", f"/api/v1/{name}/"
        yield Page(f"admin {name}", admin, rows, counts=2)
        yield Page(f"admin {name}, page 200", f"{admin}?p=200", rows, offset=9950, counts=2)
        yield Page(f"REST {name}", rest, rows)
        yield Page(f"REST {name}, far down", f"{rest}?deep={deep}", rows, offset=deep)
    failed = only(deliveries, state="failed")
    yield Page("admin deliveries, failed", f"{ADMIN}?state__exact=failed", failed, counts=2)
    yield Page("REST deliveries, failed", f"{REST}?state=failed", failed)
    door = only(deliveries, terminal__device_id="2")
    yield Page("REST deliveries, door", f"{REST}?device_id=2", door)
    for name, asked, column, value in (
        ("kept closed", "door_opened__exact=0", "door_opened", False),
        ("temperatures", "kind__exact=temperature", "kind", "temperature"),
        ("mismatches", "verification__exact=mismatch", "verification", "mismatch"),
    ):
        yield Page(
            f"admin records, {name}",
            f"/admin/records/record/?{asked}",
            only(records, **{column: value}),
        )
    late = only(records, is_late=True)
    yield Page("admin records, late", "/admin/records/record/?is_late__exact=1", late)
    yield Page("REST records, late", "/api/v1/records/?is_late=true", late)
    for word in ("三丰", "张", "张伟", "1000017", "017", "Door 7", "absent", "1"):
        yield Page(
            f"admin deliveries, {word}",
            f"{ADMIN}?q={word}",
            part(deliveries, word, *_D),
            counts=2,
        )
        yield Page(
            f"admin records, {word}",
            f"/admin/records/record/?q={word}",
            part(records, word, *_R),
        )
        yield Page(
            f"admin alerts, {word}",
            f"/admin/records/alert/?q={word}",
            part(alerts, word, *_R),
        )
        yield Page(
            f"REST alerts, {word}",
            f"/api/v1/alerts/?user_name={word}",
            part(alerts, word, "user_name"),
        )
        yield Page(
            f"admin people, {word}",
            f"/admin/faces/person/?q={word}",
            part(people, word, "name", "user_id", "mobile"),
            counts=2,
        )
        yield Page(
            f"REST people, {word}",
            f"/api/v1/people/?name={word}",
            part(people, word, "name"),
        )
    for name, rows in (("alerts", alerts), ("records", records)):
        for number in ("1000017", "absent"):
            yield Page(
                f"REST {name}, ID {number}",
                f"/api/v1/{name}/?user_id={number}",
                only(rows, user_id=number),
            )


def address(page: Page, user: Any) -> str:
    """Return the address of a page; of one far down, the link that leads there."""
    from server_common.long_lists import Place, moment_name

    url, _, deep = page.url.partition("?deep=")
    if not deep:
        return page.url
    rows = page.before(user)
    if rows.model.__name__ == "Person":
        return f"{url}?page={max(1, min(page.offset, rows.count()) // 50)}"
    name = moment_name(rows.model)
    rows = rows.order_by(f"-{name}", "-id").values_list(name, "pk")
    moment, number = rows[page.offset : page.offset + 1].first() or rows.last()
    return f"{url}?cursor={Place(is_back=False, moment=moment, number=number, count=1)}"


def read_before(page: Page, user: Any) -> None:
    """Read a page's rows by the former query, without rendering."""
    rows = page.before(user)
    for _ in range(page.counts):
        rows.count()
    list(rows[page.offset : page.offset + 50])


def measure(page: Page, user: Any, arguments: Any) -> tuple[Timing, Timing, int]:
    """Return the times of a page and of the former query, and the number of queries."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(user)
    url = address(page, user)

    def ask() -> None:
        answer = client.get(url, follow=True)
        if answer.status_code != 200:
            raise RuntimeError(f"{url}: {answer.status_code}")

    with CaptureQueriesContext(connection) as asked:
        ask()
    queries = len(asked)
    if arguments.plans:
        slowest = max(asked.captured_queries, key=lambda one: float(one["time"]))
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {slowest['sql']}".replace("%", "%%"), [])
            print(f"\n{page.name} ({user}): {slowest['time']} s of {slowest['sql'][:200]}")
            print("\n".join(line for (line,) in cursor.fetchall()))
    repeats, warm_up = rounds(arguments)
    (now,) = measure_in_turns(
        {"now": lambda _: ask()}, repeats=repeats, warm_up=warm_up, seed=arguments.seed
    )
    if arguments.without_before:
        return now, now, queries
    # Once: most of them take seconds.
    started = time.perf_counter()
    read_before(page, user)
    return now, Timing("before", (time.perf_counter() - started,)), queries


def main() -> int:
    """Fill, ask, print."""
    parser = standard_arguments(__doc__.splitlines()[0], repeats=5)
    parser.set_defaults(warm_up=1)
    parser.add_argument("--database", default="", help="URL of a database that is filled already")
    parser.add_argument("--fill", action="store_true", help="fill that database, which is empty")
    parser.add_argument("--only", default="", help="pages with this in their name")
    parser.add_argument("--without-before", action="store_true", help="leave out the yardstick")
    parser.add_argument("--plans", action="store_true", help="print PostgreSQL's plans")
    arguments = parser.parse_args()
    os.environ["TEST_DATABASE_URL"] = arguments.database or start_postgres()
    os.environ["TEST_REDIS_URL"] = ""
    os.environ["DJANGO_SETTINGS_MODULE"] = "menjin.settings.test"
    try:
        return run(arguments)
    finally:
        pytest_unconfigure()


def run(arguments: Any) -> int:
    """Measure every page as every user."""
    import django

    django.setup()
    logging.disable(logging.WARNING)
    from django.contrib.auth.models import User
    from django.core.management import call_command

    if arguments.fill or not arguments.database:
        from _list_rows import enter

        started = time.perf_counter()
        call_command("migrate", verbosity=0)
        enter()
        print(f"filled in {time.perf_counter() - started:.0f} s")
    table, kept, totals = [], {}, [0.0, 0.0]
    for page in pages():
        if arguments.only not in page.name:
            continue
        for name in ("root", "large", "small"):
            user = User.objects.get(username=name)
            now, before, queries = measure(page, user, arguments)
            totals[0] += now.median_ms
            totals[1] += before.median_ms
            mark = "" if now.median_ms <= BOUND_MS else "too slow"
            figures = (f"{now.median_ms:.0f}", f"{before.median_ms:.0f}")
            table.append((page.name, name, *figures, queries, mark))
            print(*table[-1], sep="\t", flush=True)
            kept[f"{page.name}, {name}"] = {"now": now.summary(), "before": before.summary()}
    print_table(("page, ms", "user", "now", "rows before", "queries", ""), table)
    slow = [row for row in table if row[-1]]
    print(f"{len(table)} pages, {len(slow)} above {BOUND_MS:.0f} ms")
    code = conclude(
        arguments,
        name="lists",
        ratio=totals[1] / totals[0],
        demanded=2,
        outcome={"bound_ms": BOUND_MS, "above": len(slow), "pages": kept},
    )
    return code or int(bool(slow) and not arguments.quick)


if __name__ == "__main__":
    sys.exit(main())
