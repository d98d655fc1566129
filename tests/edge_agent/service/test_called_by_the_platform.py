"""The platform calls ``python -m edge_agent run``: two programs that share the wire's tables only.

Door, clock, settings, people and records over loopback, each from the button to the row.
"""

import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devices.choices import CommandKind
from devices.models import Site, Terminal, TerminalCommand, TerminalContact, TerminalSettings
from devices.selectors import command_json
from devices.services import Requester, command_work, commands_request
from face_engine import install_models
from faces.models import Library, Person
from faces.services import person_save
from records.models import Record
from tests.support.agents import Agent
from tests.support.waiting import wait_until

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
]


@pytest.fixture
def agent(tmp_path: Path, portraits: dict[str, Path]) -> Iterator[Agent]:
    """Return a software terminal whose platform is away, with one visitor before its camera."""
    install_models()
    (tmp_path / "visitors").mkdir()
    shutil.copyfile(portraits["obama2.jpg"], tmp_path / "visitors" / "obama.jpg")
    config = tmp_path / "agent.toml"
    config.write_text(
        'device_id = "0000001"\nbase_url = "http://127.0.0.1:9/t/x"\ndata_dir = "data"\n'
        "sync_interval_s = 0.5\nheartbeat_interval_s = 5\n"
        "[camera]\nrounds = 1\ninterval_s = 0.1\n[api]\nport = 0\npush_port = 0\n[page]\nport = 0\n"
    )
    running = Agent(config, "--events")
    yield running
    running.kill()


@pytest.fixture
def gate(agent: Agent, terminal: Terminal) -> Terminal:
    """Return its row, with the address it tells and the password it was delivered with."""
    outcome = agent.wait_event(lambda event: event["event"] == "api")
    terminal.api_address, terminal.api_password = f"127.0.0.1:{outcome['port']}", "123456"
    terminal.save()
    return terminal


def run(terminal: Terminal, kind: CommandKind, **payload: Any) -> TerminalCommand:
    command = commands_request(
        kind=kind,
        terminals=[terminal],
        requester=Requester("manager"),
        reason="test",
        payload=payload,
    ).commands[0]
    command_work(command_id=command.pk)
    command.refresh_from_db()
    return command


def test_the_platform_calls_the_software_terminal(
    agent: Agent, gate: Terminal, site: Site, library: Library, portraits: dict[str, Path]
) -> None:
    assert run(gate, CommandKind.OPEN_DOOR).state == "done", agent.output
    assert run(gate, CommandKind.SYNC_TIME).state == "done"
    gate.refresh_from_db()

    read = run(gate, CommandKind.SETTINGS_READ)
    assert (read.state, read.result["groups"]) == ("done", 4)
    values = {"faceThre": 7}
    written = run(gate, CommandKind.SETTINGS_WRITE, group="smartface", values=values)
    assert (written.state, written.word) == ("done", "")
    row = TerminalSettings.objects.get(terminal=gate, group="smartface")
    assert (row.desired, row.reported["faceThre"]) == (values, 7)

    person_save(
        person=Person(site=site, user_id="1001", name="Barack Obama"),
        library_ids=[library.pk],
        photo=portraits["obama.jpg"].read_bytes(),
    )
    pushed = run(gate, CommandKind.PEOPLE_PUSH)
    assert (pushed.state, pushed.result["done"]) == ("done", 1), pushed.result
    compared = run(gate, CommandKind.PEOPLE_COMPARE)
    assert compared.result == {"held": 1, "missing": 0, "extra": 0, "different": 0}

    # The visitor came before anybody was known; the platform was away and never heard of it.
    agent.wait_event(lambda event: event["event"] == "visit")
    wait_until(lambda: run(gate, CommandKind.RECORDS_PULL).result.get("read"), every=0.2)
    assert Record.objects.count() == 1
    assert run(gate, CommandKind.RECORDS_PULL).result["new"] == 0

    assert run(gate, CommandKind.PEOPLE_WIPE).state == "done"
    assert run(gate, CommandKind.PEOPLE_COMPARE).result["held"] == 0
    contact = TerminalContact.objects.get(terminal=gate)
    assert contact.failures == 0


def tell(terminal: Terminal, **command: Any) -> Any:
    """Send a JSON command and return what the terminal answered."""
    ended = run(terminal, CommandKind.JSON, json=command)
    assert ended.state == "done", (ended.word, ended.code)
    found = command_json(ended)
    assert found is not None
    return found.answered["json"]


def test_sound_and_production_settings_are_reached_by_json_commands(
    gate: Terminal,
) -> None:
    """AudioObject (8.1.3) and ProductionObject (8.1.6) have no calls of their own."""
    audio = tell(gate, cmd="get", object="AudioObject")
    production = tell(gate, cmd="get", object="ProductionObject")

    louder = {**audio, "volumeOut": 15 - audio["volumeOut"]}
    assert tell(gate, cmd="set", object="AudioObject", data=louder) == louder
    renamed = {**production, "deviceName": "东门"}
    assert tell(gate, cmd="set", object="ProductionObject", data=renamed) == renamed

    assert tell(gate, cmd="get", object="AudioObject") == louder
    assert tell(gate, cmd="get", object="ProductionObject") == renamed
    refused = run(gate, CommandKind.JSON, json={"cmd": "dance"})
    assert (refused.state, refused.code) == ("refused", "40001")


def test_a_wrong_password_is_told(gate: Terminal) -> None:
    gate.api_password = "654321"
    gate.save()

    command = run(gate, CommandKind.OPEN_DOOR)

    assert (command.state, command.code) == ("refused", "10005")


def test_a_terminal_that_hung_does_not_open_when_it_goes_on(agent: Agent, gate: Terminal) -> None:
    """What the platform gave up on must not open for whoever stands there a while later."""
    agent.process.send_signal(signal.SIGSTOP)

    given_up = run(gate, CommandKind.OPEN_DOOR)
    agent.process.send_signal(signal.SIGCONT)
    agent.wait_event(lambda event: event["event"] == "remote_open_dropped")
    later = run(gate, CommandKind.OPEN_DOOR)
    agent.wait_event(lambda event: event["event"] == "remote_open")

    assert (given_up.state, given_up.word) == ("unknown", "answer_timeout")
    assert later.state == "done"
    assert [event["event"] for event in agent.events].count("remote_open") == 1


def test_a_terminal_that_is_off_is_not_opened_when_it_comes_back(
    agent: Agent, gate: Terminal
) -> None:
    agent.kill()
    command = run(gate, CommandKind.OPEN_DOOR)
    assert (command.state, command.word) == ("unreachable", "connect_failed")
    text = agent.config.read_text().replace("port = 0", "port = {}", 1)
    agent.config.write_text(text.format(gate.api_address.rsplit(":", 1)[1]))

    again = Agent(agent.config, "--events")
    try:
        again.wait_event(lambda event: event["event"] == "api")
        # Delivered once more, as a broker may do: it is over.
        assert command_work(command_id=command.pk) == ""
        assert run(gate, CommandKind.SETTINGS_READ).state == "done"
    finally:
        again.kill()

    assert "remote_open" not in [event["event"] for event in again.events]
