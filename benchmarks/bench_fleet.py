"""Load of thousands of terminals on one platform, and its cost.

A simulated fleet against the processes of docker-compose.yml that terminals talk to (two WSGI
workers, PostgreSQL, Redis), all on this machine together with the fleet. Two scenarios:

* storm: all terminals are new and start one after the other;
* steady: all have everything, poll and beat, people arrive, and a person is enrolled on the way
  (``--newcomer-at 0``: none is).

Yardstick, in the same run: the steady fleet for a while against two workers of the same server
that answer everything with a constant, so the difference is the platform and the rest is fleet,
server and machine.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from _cpu import cpu_seconds, postgres_process, redis_process
from _report import RESULTS, machine, print_table

from face_engine import install_models, install_portraits
from fleet.arrivals import Arrivals
from fleet.behaviour import TerminalBehaviour
from fleet.progress import line_of
from fleet.run import FleetPlan, run_fleet, snapshots_of
from terminal_protocol import SyncAnswer
from tests.support.processes import ROOT, free_port, kill_group, program, start, wait_listening
from tests.support.production import UNLIMITED, Production
from tests.support.services import pytest_unconfigure, start_postgres, start_redis

PREPARE = """
from pathlib import Path
from tests.support.factories import make_library, make_person, make_site
site = make_site(code="fleet")
library = make_library(site, name="fleet")
for number, photo in enumerate(({photos})):
    make_person(site, user_id=f"20{{number}}", photo=Path(photo), libraries=[library])
print(site.tokens.get().token)
"""
# The first terminal asks as every other would; the rest are entered as having had its answer.
IN_STEP = """
import json
from django.utils import timezone
from devices.models import Site, Terminal
from faces.models import Delivery, Person, TerminalCursor
from faces.services import sync_answer
site = Site.objects.get(code="fleet")
Terminal.objects.bulk_create(
    Terminal(site=site, device_id=f"fleet-{{number:05d}}", status="approved", all_libraries=True)
    for number in range({terminals}))
first, *others = Terminal.objects.order_by("pk")
answer = sync_answer(terminal=first, last_query_time=0, picture_root="{root}")
cursor = TerminalCursor.objects.get(terminal=first)
TerminalCursor.objects.bulk_create(
    TerminalCursor(terminal=one, issued=cursor.issued, complete_from=cursor.complete_from,
                   pages=cursor.pages) for one in others)
Delivery.objects.all().delete()
Delivery.objects.bulk_create(
    Delivery(terminal=one, person=person, user_id=person.user_id, operation="save", state="stored",
             sync_stamp=person.sync_stamp, held=True, changed_at=timezone.now())
    for one in [first, *others] for person in Person.objects.all())
print(json.dumps(answer.to_wire()))
"""
ENROL = """
from pathlib import Path
from devices.models import Site
from faces.models import Library
from tests.support.factories import make_person
make_person(Site.objects.get(code="fleet"), user_id="300", photo=Path({photo}),
            libraries=[Library.objects.get(name="fleet")])
"""
CONSTANT = """
ANSWER = (b'{"ret": "0", "openDoor": 1, "unlockDelay": 3000,'
          b' "serviceResponse": {"list": [], "lastQueryTime": 1}}')


def application(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [ANSWER]
"""


def serve(arguments: list[str], environment: dict[str, str], port: int, log: Path) -> Any:
    """Start a server and wait until it listens."""
    server = start(arguments, environment, log=log, own_group=True)
    wait_listening(server, port, log)
    return server


def run(
    plan: FleetPlan, snapshots: list[bytes], processes: dict[str, int], *, is_idle: bool = False
) -> dict[str, Any]:
    """Run the fleet; returns its report with the CPU seconds of all processes."""
    processes = {"fleet": os.getpid(), **processes}
    before = {name: _own(pid) for name, pid in processes.items()}

    def show(now: Any) -> None:
        if not is_idle:
            print(line_of(now), flush=True)

    report = asyncio.run(run_fleet(plan, snapshots=snapshots, show=show))
    report["cpu_s"] = {name: round(_own(pid) - before[name], 2) for name, pid in processes.items()}
    return report


def _own(pid: int) -> float:
    """Return the CPU seconds of a process with its children; of this one without them."""
    if pid == os.getpid():
        times = os.times()
        return times.user + times.system
    return cpu_seconds([pid])


def constant(plan: FleetPlan, snapshots: list[bytes], seconds: float) -> dict[str, Any]:
    """Run the fleet at a server that answers everything with a constant."""
    with tempfile.TemporaryDirectory() as name:
        port, log = free_port(), Path(name) / "log"
        (Path(name) / "constant_wsgi.py").write_text(CONSTANT)
        arguments = [
            *(program("granian"), "--interface", "wsgi", "--port", str(port)),
            *("--workers", "2", "--blocking-threads", "32", "constant_wsgi:application"),
        ]
        server = serve(arguments, {"PYTHONPATH": name}, port, log)
        try:
            aimed = replace(
                plan,
                base_urls=(f"http://127.0.0.1:{port}/t/x",),
                begun=SyncAnswer((), 1),
                duration_s=seconds,
                ramp_s=5.0,
            )
            return run(aimed, snapshots, {"server": server.pid}, is_idle=True)
        finally:
            kill_group(server)


@contextmanager
def platform(name: str, portraits: dict[str, Path]) -> Iterator[tuple[Production, str, int]]:
    """Yield a new installation that runs: it, its BaseUrl, and its server's process."""
    with tempfile.TemporaryDirectory() as folder:
        installation = Production(Path(folder), name=name)
        installation.manage("migrate", "--verbosity", "0")
        photos = ", ".join(repr(str(portraits[one])) for one in ("obama.jpg", "biden.jpg"))
        token = installation.manage("shell", "-v", "0", "-c", PREPARE.format(photos=photos))
        port = free_port()
        environment = {**installation.environment, **UNLIMITED, "MENJIN_VAR": folder}
        server = serve(installation.command(port), environment, port, Path(folder) / "log")
        try:
            yield installation, f"http://127.0.0.1:{port}/t/{token}", server.pid
        finally:
            kill_group(server)


def storm(plan: FleetPlan, portraits: dict[str, Path], snapshots: list[bytes]) -> dict[str, Any]:
    """Measure a fleet in which all terminals are new."""
    with platform("storm", portraits) as (installation, base_url, pid):
        report = run(replace(plan, base_urls=(base_url,)), snapshots, _processes(pid))
        report["visits_stored"] = installation.rows("SELECT count(*) FROM records_record")[0][0]
    return report


def steady(
    plan: FleetPlan, portraits: dict[str, Path], snapshots: list[bytes], *, enrol_at_s: float
) -> dict[str, Any]:
    """Measure terminals in sync, with a person enrolled on the way."""
    with platform("steady", portraits) as (installation, base_url, pid):
        root = base_url.split("/t/")[0]
        words = IN_STEP.format(terminals=plan.terminals, root=root)
        begun = SyncAnswer.from_wire(
            json.loads(installation.manage("shell", "-v", "0", "-c", words))
        )
        enrolling = threading.Timer(enrol_at_s, _enrol(installation, portraits["astronaut.png"]))
        if enrol_at_s:
            enrolling.start()
        try:
            aimed = replace(plan, base_urls=(base_url,), begun=begun)
            report = run(aimed, snapshots, _processes(pid))
        finally:
            enrolling.cancel()
            if enrol_at_s:
                enrolling.join()
        report["visits_stored"] = installation.rows("SELECT count(*) FROM records_record")[0][0]
        report["newcomer"] = _arrivals_of(installation, "300")
    return report


def _enrol(installation: Production, photo: Path) -> Callable[[], None]:
    def enrol() -> None:
        subprocess.run(
            [sys.executable, "manage.py", "shell", "-c", ENROL.format(photo=repr(str(photo)))],
            cwd=ROOT,
            env={**os.environ, **installation.environment, "MENJIN_VAR": str(installation.folder)},
            capture_output=True,
            check=True,
        )

    return enrol


def _arrivals_of(installation: Production, user_id: str) -> dict[str, Any]:
    """Return the seconds until each terminal had the person enrolled on the way."""
    times = [
        float(row[0])
        for row in installation.rows(
            "SELECT extract(epoch FROM d.answered_at - p.changed_at) FROM faces_delivery d"
            " JOIN faces_person p ON p.id = d.person_id"
            f" WHERE p.user_id = '{user_id}' AND d.state = 'stored' ORDER BY 1"
        )
    ]
    if not times:
        return {"terminals": 0}
    half, most = times[len(times) // 2], times[-1]
    return {"terminals": len(times), "p50_s": round(half, 1), "most_s": round(most, 1)}


def _processes(server: int) -> dict[str, int]:
    return {
        "platform": server,
        "PostgreSQL": postgres_process(os.environ["TEST_DATABASE_URL"]),
        "Redis": redis_process(os.environ["TEST_REDIS_URL"]),
    }


def tell(scenario: str, report: dict[str, Any]) -> None:
    """Print the results."""
    rows = []
    for kind, asked in report["asked"].items():
        times = report["latencies"].get(kind, {"count": 0, "p50_ms": "-", "p99_ms": "-"})
        busy = report["told_to_come_again"][kind] / asked
        answered = times["count"] / asked
        parts = [f"{answered:.1%}", f"{busy:.1%}"]
        rows.append([kind, asked, *parts, times["p50_ms"], times["p99_ms"]])
    print(f"\n{scenario}: {report['seconds']} s, {report['requests_per_s']} answers/s")
    print_table(["request", "asked", "answered", "HTTP 503", "p50 ms", "p99 ms"], rows)
    print("CPU s: " + ", ".join(f"{name} {used}" for name, used in report["cpu_s"].items()))
    words = ("visits", "visits_answered", "visits_stored", "visits_opened", "unanswered")
    print(", ".join(f"{word} {report[word]}" for word in words if word in report))
    print(
        f"in step {report['terminals_in_step']}, all after {report['all_in_step_after_s']} s,"
        f" people held {report['people_held']}, newcomer {report.get('newcomer')}"
    )
    print(f"errors {json.dumps(report['errors'])}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("scenario", choices=["storm", "steady", "both"], nargs="?", default="both")
    add("--terminals", type=int, default=2000)
    add("--arrivals", default="12/h")
    add("--ramp", type=float, default=110.0, help="storm: new terminals arrive within, seconds")
    add("--storm-seconds", type=float, default=140.0)
    add("--steady-seconds", type=float, default=70.0)
    add("--newcomer-at", type=float, default=35.0, help="steady: second of an enrolment; 0: none")
    add("--constant-seconds", type=float, default=30.0)
    add("--label", default="", help="part of the result file's name")
    add("--no-results", action="store_true", help="write no result file")
    chosen = parser.parse_args()
    install_models()
    portraits = install_portraits()
    snapshots = snapshots_of(sorted(portraits.values()))
    plan = FleetPlan(
        base_urls=(),
        terminals=chosen.terminals,
        arrivals=Arrivals.parse(chosen.arrivals),
        behaviour=TerminalBehaviour(heartbeat_s=30.0, sync_s=10.0),
        duration_s=chosen.storm_seconds,
        ramp_s=chosen.ramp,
        drain_s=20.0,
        show_every_s=5.0,
    )
    calm = replace(plan, duration_s=chosen.steady_seconds, ramp_s=10.0)
    reports = {}
    os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"] = start_postgres(), start_redis()
    try:
        reports["constant"] = constant(calm, snapshots, chosen.constant_seconds)
        if chosen.scenario in {"storm", "both"}:
            reports["storm"] = storm(plan, portraits, snapshots)
        if chosen.scenario in {"steady", "both"}:
            enrol_at_s = chosen.newcomer_at
            reports["steady"] = steady(calm, portraits, snapshots, enrol_at_s=enrol_at_s)
    finally:
        pytest_unconfigure()
    for scenario, report in reports.items():
        tell(scenario, report)
    print(machine())
    if not chosen.no_results:
        keep(chosen, reports)


def keep(chosen: argparse.Namespace, reports: dict[str, Any]) -> None:
    """Write the result file."""
    now = datetime.now(UTC)
    kept = {
        "benchmark": "fleet",
        "at": now.isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "machine": machine(),
        "load_average_at_end": os.getloadavg(),
        "reports": reports,
    }
    label = f"-{chosen.label}" if chosen.label else ""
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{now:%Y-%m-%d}-fleet{label}.json"
    path.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"written: {path}")


if __name__ == "__main__":
    main()
