"""A fleet at the real platform: whatever gets lost or comes twice, each visit is stored once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from face_engine import install_models
from fleet.arrivals import Arrivals
from fleet.behaviour import TerminalBehaviour
from fleet.run import FleetPlan, run_fleet, snapshots_of
from tests.support.processes import free_port, kill_group, start, wait_listening
from tests.support.production import UNLIMITED, Production

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
]

PREPARE = """
from pathlib import Path
from tests.support.factories import make_library, make_person, make_site
site = make_site(code="fleet", verification="off")
library = make_library(site)
for number, photo in enumerate(({photos})):
    make_person(site, user_id=f"20{{number}}", photo=Path(photo), libraries=[library])
print(site.tokens.get().token)
"""


@pytest.fixture
def installation(tmp_path: Path, portraits: dict[str, Path]) -> Iterator[tuple[Production, str]]:
    """Return a running platform and a site's BaseUrl."""
    install_models()
    photos = ", ".join(repr(str(portraits[name])) for name in ("obama.jpg", "biden.jpg"))
    made = Production(tmp_path, name="fleet", redis=9)
    made.manage("migrate", "--verbosity", "0")
    token = made.manage("shell", "-v", "0", "-c", PREPARE.format(photos=photos))
    port = free_port()
    log = tmp_path / "log"
    # Room for all at once: this is about answers that get lost, and not about who is sent away.
    room = {"MENJIN_TERMINAL_SLOTS": "64"}
    environment = {**made.environment, **UNLIMITED, **room, "MENJIN_VAR": str(tmp_path)}
    server = start(made.command(port), environment, log=log, own_group=True)
    wait_listening(server, port, log)
    yield made, f"http://127.0.0.1:{port}/t/{token}"
    kill_group(server)


def test_every_visit_is_stored_once_although_answers_get_lost_and_copies_come(
    installation: tuple[Production, str], portraits: dict[str, Path]
) -> None:
    platform, base_url = installation
    plan = FleetPlan(
        base_urls=(base_url,),
        terminals=20,
        arrivals=Arrivals.parse("30/min+2@3"),
        behaviour=TerminalBehaviour(
            heartbeat_s=1.0, sync_s=0.5, strangers=0.3, duplicates=0.2, lost_answers=0.2
        ),
        duration_s=10.0,
        ramp_s=1.0,
    )

    report = asyncio.run(
        run_fleet(plan, snapshots=snapshots_of([portraits["obama.jpg"]]), show=lambda _: None)
    )

    ((stored,),) = platform.rows("SELECT count(*) FROM records_record")
    ((terminals,),) = platform.rows("SELECT count(*) FROM devices_terminal")
    assert terminals == 20
    assert report["visits"] > 60
    assert report["uploads_repeated"] > 10
    assert report["unanswered"] == 0
    assert report["visits_answered"] == report["visits"]
    assert stored == report["visits"]
    assert report["people_held"] == 20 * 2
    assert report["visits_opened"] > 0
    assert report["errors"] == {}
