"""No interleaving of changes and polls makes a terminal miss one (invariant 1).

What is explored, and how, is in ``tests/support/interleavings.py``; the command runs as many more
as one likes, on its own PostgreSQL and on every core.
"""

import os
import re
import subprocess
import sys

import pytest

from tests.support.processes import ROOT

pytestmark = pytest.mark.slow
RUNS = int(os.environ.get("MENJIN_INTERLEAVINGS", "2000"))


@pytest.mark.postgres
def test_every_terminal_holds_exactly_what_it_should_after_each_interleaving() -> None:
    # A server of its own: it makes databases beside the one that the other tests use.
    own = {key: value for key, value in os.environ.items() if not key.startswith("TEST_")}

    done = subprocess.run(
        [sys.executable, "benchmarks/interleavings.py", "--runs", str(RUNS), "--seed", "ci"],
        cwd=ROOT,
        env={**own, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    explored = re.search(rf"^{RUNS} of {RUNS} interleavings", done.stdout, re.M)
    switches = re.search(r"^(\d+) switches between threads, (\d+) waits", done.stdout, re.M)
    assert explored and switches, done.stdout[-2000:]
    # It did interleave: several switches each, and locks that had to be waited for.
    assert int(switches[1]) > 3 * RUNS
    assert int(switches[2]) > RUNS / 20
