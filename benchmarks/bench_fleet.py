"""Do 2,000 terminals get their answers from one platform, and how soon?

A simulated fleet against the processes of docker-compose.yml that terminals talk to (two WSGI
workers, PostgreSQL, Redis), all on this machine together with the fleet. Yardstick, in the same
run: the same fleet against two workers of the same server that answer everything with a constant,
so the difference is the platform and the rest is fleet, server and machine.
"""

import argparse
import asyncio
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from _report import machine, print_table

from edge_agent.fleet.arrivals import Arrivals
from edge_agent.fleet.run import FleetPlan, run_fleet, snapshots_of
from edge_agent.fleet.terminal import Habits
from face_engine import install_models, install_portraits
from tests.support.processes import free_port, kill_group, program, start, wait_listening
from tests.support.production import UNLIMITED, Production
from tests.support.services import pytest_unconfigure, start_postgres, start_redis

PREPARE = """
from pathlib import Path
from tests.support.factories import make_library, make_person, make_site
site = make_site(code="fleet")
library = make_library(site)
for number, photo in enumerate(({photos})):
    make_person(site, user_id=f"20{{number}}", photo=Path(photo), libraries=[library])
print(site.tokens.get().token)
"""
CONSTANT = """
ANSWER = (b'{"ret": "0", "openDoor": 1, "unlockDelay": 3000,'
          b' "serviceResponse": {"list": [], "lastQueryTime": 1}}')


def application(environ, start_response):
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "application/json")])
    return [ANSWER]
"""


def run(base_url: str, chosen: argparse.Namespace, snapshots: list[bytes]) -> dict[str, Any]:
    """Run the fleet; its report."""
    plan = FleetPlan(
        base_urls=(base_url,),
        terminals=chosen.terminals,
        arrivals=Arrivals.parse(chosen.arrivals),
        habits=Habits(heartbeat_s=30.0, sync_s=10.0),
        duration_s=chosen.duration,
        ramp_s=chosen.ramp,
        drain_s=30.0,
    )
    return asyncio.run(run_fleet(plan, snapshots=snapshots, show=print))


def serve(arguments: list[str], environment: dict[str, str], port: int, log: Path) -> Any:
    """Start a server and wait until it listens."""
    server = start(arguments, environment, log=log, own_group=True)
    wait_listening(server, port, log)
    return server


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--terminals", type=int, default=2000)
    parser.add_argument("--duration", type=float, default=170.0)
    parser.add_argument("--ramp", type=float, default=110.0, help="new terminals arrive within")
    parser.add_argument("--arrivals", default="12/h")
    chosen = parser.parse_args()
    install_models()
    portraits = install_portraits()
    snapshots = snapshots_of(sorted(portraits.values()))
    photos = ", ".join(repr(str(portraits[name])) for name in ("obama.jpg", "biden.jpg"))
    reports = {}
    os.environ["TEST_DATABASE_URL"], os.environ["TEST_REDIS_URL"] = start_postgres(), start_redis()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            port, log = free_port(), folder / "log"
            (folder / "constant_wsgi.py").write_text(CONSTANT)
            arguments = [
                *(program("granian"), "--interface", "wsgi", "--port", str(port)),
                *("--workers", "2", "--blocking-threads", "32", "constant_wsgi:application"),
            ]
            server = serve(arguments, {"PYTHONPATH": name}, port, log)
            reports["constant"] = run(f"http://127.0.0.1:{port}/t/x", chosen, snapshots)
            kill_group(server)

            made = Production(folder, name="fleet")
            made.manage("migrate", "--verbosity", "0")
            token = made.manage("shell", "-v", "0", "-c", PREPARE.format(photos=photos))
            port = free_port()
            environment = {**made.environment, **UNLIMITED, "MENJIN_VAR": name}
            server = serve(made.command(port), environment, port, log)
            reports["Menjin"] = run(f"http://127.0.0.1:{port}/t/{token}", chosen, snapshots)
            kill_group(server)
            ((stored,),) = made.rows("SELECT count(*) FROM records_record")
    finally:
        pytest_unconfigure()
    rows = []
    for who, report in reports.items():
        for kind, told in report["latencies"].items():
            rows.append([who, kind, *(told[one] for one in ("count", "p50_ms", "p99_ms"))])
    print_table(["server", "request", "answers", "p50 ms", "p99 ms"], rows)
    menjin = reports["Menjin"]
    print(f"requests/s: constant {reports['constant']['requests_per_s']}, Menjin", end=" ")
    print(menjin["requests_per_s"])
    print(f"visits {menjin['visits']}, answered {menjin['visits_answered']}, stored {stored}")
    print(f"opened {menjin['visits_opened']}, unanswered {menjin['unanswered']}", end=", ")
    print(f"errors {json.dumps(menjin['errors'])}, in step {menjin['terminals_in_step']}")
    p50s = [one["latencies"]["syheartbeat"]["p50_ms"] for one in reports.values()]
    print(f"ratio of the heartbeats' median: {p50s[1] / p50s[0]:.1f}")
    print(machine())


if __name__ == "__main__":
    main()
