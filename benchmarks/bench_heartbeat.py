"""Heartbeats a second that one web process answers.

Yardstick: an empty Django view, no middleware and no database, on the same server (granian, WSGI,
one worker, the same threads). Both servers run side by side and are asked in turns by clients in
another process over connections kept alive. Menjin runs with its production settings, PostgreSQL
and Redis from wheels; every heartbeat is admitted by its token, limited, noted as presence and
kept by the flight recorder.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _report import conclude, measure_in_turns, print_table, rounds, standard_arguments

from tests.support.processes import ROOT, free_port, program, start, stop, wait_listening
from tests.support.services import pytest_unconfigure, start_postgres, start_redis

# No ratio is demanded: heartbeats are answered in front of Django's handler (decision 0017).
DEMANDED = 0.0
CLIENTS = 4
TERMINALS = 200
_EMPTY = """
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="x", MIDDLEWARE=[])
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import re_path
def answer(request):
    request.body  # a server closes connections whose bodies nobody read
    return JsonResponse({"ret": "0", "desc": "Success"})
urlpatterns = [re_path("", answer)]
application = get_wsgi_application()
"""


def ask(port: int, path: str, count: int, first: int) -> None:
    """Post heartbeats of different terminals over one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for number in range(first, first + count):
        device_id = number % TERMINALS
        body = json.dumps({"Heartinfo": {"deviceid": str(device_id), "ServerURL": ""}})
        connection.request("POST", f"{path}{device_id}", body, {"Content-Type": "text/json"})
        response = connection.getresponse()
        if json.loads(response.read())["ret"] != "0":
            raise RuntimeError("a heartbeat was not answered with 0")
    connection.close()


def ask_together(
    pool: "multiprocessing.pool.Pool", port: int, path: str, requests: int
) -> Callable[[int], object]:
    """Return a function that posts ``requests`` heartbeats from several clients at once."""
    share = requests // CLIENTS

    def run(_turn: int) -> object:
        return pool.starmap(ask, [(port, path, share, one * 50) for one in range(CLIENTS)])

    return run


def serve(
    module: str, folder: Path, environment: dict[str, str]
) -> tuple[subprocess.Popen[bytes], int]:
    """Start granian as docker-compose.yml does, with one worker."""
    port = free_port()
    options = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    options += ["--workers", "1", "--blocking-threads", "32", module]
    log = folder / f"{module.split(':')[0]}.log"
    process = start([program("granian"), *options], environment, log=log)
    wait_listening(process, port, log)
    return process, port


def prepare(environment: dict[str, str]) -> str:
    """Make tables, a site and its terminals; return the site's address token."""
    make = (
        "from devices.models import Terminal; from devices.services import site_create;"
        "site = site_create(code='s', name='S', auto_approve=True, newcomers_per_hour=100_000);"
        "Terminal.objects.bulk_create(Terminal(site=site, device_id=str(n), status='approved')"
        f" for n in range({TERMINALS}));"
        "print(site.tokens.get().token)"
    )
    for arguments in (["migrate", "--verbosity", "0"], ["shell", "-v", "0", "-c", make]):
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stdout.strip()


def measure(arguments: argparse.Namespace, folder: Path) -> int:
    """Start both servers, ask them in turns, and report."""
    environment = {
        "DJANGO_SETTINGS_MODULE": "menjin.settings.production",
        "DATABASE_URL": start_postgres(),
        "REDIS_URL": start_redis(),
        "SECRET_KEY": "k" * 60,
        "FIELD_KEY": "field-key-of-the-tests-only-0123456789-abcdef",
        "ALLOWED_HOSTS": "127.0.0.1",
        "MENJIN_VAR": str(folder),
        "MENJIN_ADDRESS_RATE": "1000000",
        "MENJIN_ADDRESS_BURST": "1000000",
        "MENJIN_TERMINAL_RATE": "100000",
        "MENJIN_TERMINAL_BURST": "100000",
    }
    token = prepare(environment)
    (folder / "empty_view.py").write_text(_EMPTY)
    menjin, menjin_port = serve("menjin.wsgi:application", folder, environment)
    empty, empty_port = serve("empty_view:application", folder, {"PYTHONPATH": str(folder)})
    repeats, warm_up = rounds(arguments)
    try:
        with multiprocessing.get_context("spawn").Pool(CLIENTS) as pool:
            timings = measure_in_turns(
                {
                    "empty Django view": ask_together(pool, empty_port, "/", arguments.requests),
                    "Menjin heartbeat": ask_together(
                        pool, menjin_port, f"/t/{token}/syheartbeat/", arguments.requests
                    ),
                },
                repeats=repeats,
                warm_up=warm_up,
                seed=arguments.seed,
            )
    finally:
        for process in (menjin, empty):
            stop(process)
    done = arguments.requests // CLIENTS * CLIENTS
    rates = {timing.name: done / timing.median_ms * 1000 for timing in timings}
    print_table(
        ["server", "requests/s (median)", "µs a request"],
        [[name, f"{rate:.0f}", f"{1e6 / rate:.0f}"] for name, rate in rates.items()],
    )
    return conclude(
        arguments,
        name="heartbeat",
        ratio=rates["Menjin heartbeat"] / rates["empty Django view"],
        demanded=DEMANDED,
        outcome={
            "clients": CLIENTS,
            "requests_per_round": done,
            "requests_per_second": {name: round(rate, 1) for name, rate in rates.items()},
            "timings": {timing.name: timing.summary() for timing in timings},
        },
    )


def main() -> int:
    """Run the benchmark."""
    parser = standard_arguments(__doc__.split("\n", 1)[0], repeats=15)
    parser.add_argument("--requests", type=int, default=2000, help="heartbeats a round")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.requests = 200
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="menjin-bench-") as folder:
        try:
            code = measure(arguments, Path(folder))
        finally:
            pytest_unconfigure()
    print(f"took {time.monotonic() - started:.0f} s")
    return code


if __name__ == "__main__":
    sys.exit(main())
