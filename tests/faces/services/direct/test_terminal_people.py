"""People on a terminal by its own interface: sent now, compared, repaired, wiped."""

import base64
from typing import Any

import pytest
from aiohttp import web
from django.utils import timezone

from devices.choices import CommandKind
from devices.command_kinds import KINDS
from devices.models import Terminal, TerminalCommand
from devices.services import Requester, command_work, commands_request
from faces.choices import DeliveryState, Operation
from faces.models import Delivery, Library, Person, TerminalHoldings
from faces.services import deliveries_retry, person_erase, person_save
from tests.support.people import enrol
from tests.support.terminal_api import TerminalServer
from tests.support.wire import WireClient

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite]


def run(terminal: Terminal, kind: CommandKind, **payload: Any) -> TerminalCommand:
    command = commands_request(
        kind=kind, terminals=[terminal], requester=Requester("manager"), payload=payload
    ).commands[0]
    command_work(command_id=command.pk)
    command.refresh_from_db()
    return command


def states(terminal: Terminal) -> dict[str, tuple[str, str, bool]]:
    rows = Delivery.objects.filter(terminal=terminal)
    return {row.user_id: (row.operation, row.state, row.held) for row in rows}


def test_people_are_sent_without_waiting_for_the_poll(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    for number in range(20):
        enrol(library, f"p{number}", name=f"Name {number}", department="Lab", id_number="1234567")

    command = run(gate, CommandKind.PEOPLE_PUSH)

    assert (command.state, command.word) == ("done", "")
    assert command.result == {"done": 20, "failed": 0, "fetching": 0, "total": 20}
    assert set(door.state.people) == {f"p{number}" for number in range(20)}
    sent = door.state.people["p7"]
    assert (sent["name"], sent["department"], sent["userType"]) == ("Name 7", "Lab", 1)
    assert base64.b64decode(sent["photo"]) == b"\xff\xd8\xffp7\xff\xd9"
    assert "idNumber" not in sent
    assert set(states(gate).values()) == {("save", "stored", True)}


def test_only_what_is_owed_is_sent_unless_all_is_asked_for(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    enrol(library, "a")
    run(gate, CommandKind.PEOPLE_PUSH)
    door.state.people.clear()

    assert run(gate, CommandKind.PEOPLE_PUSH).result["done"] == 0
    assert run(gate, CommandKind.PEOPLE_PUSH, what="all").result["done"] == 1
    assert set(door.state.people) == {"a"}


def test_deletes_are_sent_too_and_confirmed(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    person = enrol(library, "a")
    run(gate, CommandKind.PEOPLE_PUSH)

    person_erase(person=person)
    assert states(gate) == {"a": ("delete", "pending", True)}
    run(gate, CommandKind.PEOPLE_PUSH)

    assert door.state.people == {}
    assert states(gate) == {"a": ("delete", "stored", False)}


def test_somebody_refused_is_said_and_does_not_stop_the_others(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    for name in "abc":
        enrol(library, name)
    door.state.refusals = {"b": 30002}

    command = run(gate, CommandKind.PEOPLE_PUSH)

    assert (command.state, command.word) == ("done", "partly")
    assert (command.result["done"], command.result["failed"]) == (2, 1)
    row = Delivery.objects.get(terminal=gate, user_id="b")
    assert (row.state, row.code, row.message) == (
        "failed",
        "30002",
        "No Face Detected In The Image",
    )


def test_a_terminal_that_fetches_people_itself_is_left_to_it(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    """A terminal may own what came by chapter 9 (20002) and poll at once instead."""
    enrol(library, "a")
    door.state.refusals = {"a": 20002}

    command = run(gate, CommandKind.PEOPLE_PUSH)

    assert command.result == {"done": 0, "failed": 0, "fetching": 1, "total": 1}
    assert states(gate) == {"a": ("save", "sent", True)}


def test_what_was_sent_before_the_connection_broke_is_known(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    for number in range(12):
        enrol(library, f"p{number:02}")
    saved = 0

    async def break_off(request: web.Request) -> None:
        nonlocal saved
        saved += request.path == "/api/user"
        if saved > 9 and request.transport is not None:
            request.transport.abort()

    door.state.temper = break_off
    command = run(gate, CommandKind.PEOPLE_PUSH)

    assert (command.state, command.word) == ("unknown", "connection_lost")
    stored = [row for row in states(gate).values() if row[1] == DeliveryState.STORED]
    assert len(stored) == 9
    door.state.temper = None
    assert run(gate, CommandKind.PEOPLE_PUSH).result["done"] == 3
    assert len(door.state.people) == 12


def test_nobody_who_should_not_be_there_is_sent(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    person = enrol(library, "a")
    person.state = "suspended"
    person_save(person=person, library_ids=[library.pk])
    # A row that a terminal's own message made up.
    Delivery.objects.create(
        terminal=gate,
        user_id="all",
        operation=Operation.DELETE,
        held=True,
        changed_at=person.created_at,
    )
    door.state.people = {"kept": {"userId": "kept", "name": "x"}}

    run(gate, CommandKind.PEOPLE_PUSH)

    assert set(door.state.people) == {"kept"}


@pytest.mark.django_db(transaction=True)
def test_somebody_erased_while_their_face_is_on_its_way_is_deleted_again(
    gate: Terminal, door: TerminalServer, library: Library, token: str
) -> None:
    """The terminal polls and forgets, and then the late answer of the push arrives."""
    person = enrol(library, "a")
    done: list[str] = []

    def in_between(session: Any) -> Any:
        inner = session.talk

        def talk(conversation: Any) -> Any:
            answer = inner(conversation)
            if not done:
                done.append("erased")
                person_erase(person=Person.objects.get(pk=person.pk))
                wire = WireClient(token=token, device_id=gate.device_id)
                entries, _ = wire.poll(0)
                assert [entry["operation"] for entry in entries] == ["delete"]
                body = {"resultList": {"userID": "a", "status": "100", "msg": "ok"}}
                wire.post("syresult", body)
                assert states(gate) == {"a": ("delete", "stored", False)}
            return answer

        session.talk = talk
        return KINDS[session.command.kind].work(session)

    command = commands_request(
        kind=CommandKind.PEOPLE_PUSH, terminals=[gate], requester=Requester("manager")
    ).commands[0]
    command_work(command_id=command.pk, work=in_between)

    assert done == ["erased"]
    # The push went on to its end and told the delete itself, or leaves it to the next poll.
    assert "a" not in door.state.people or states(gate)["a"] == ("delete", "pending", True)
    run(gate, CommandKind.PEOPLE_PUSH)
    assert "a" not in door.state.people
    assert states(gate) == {"a": ("delete", "stored", False)}


@pytest.mark.slow
def test_comparing_names_who_is_missing_too_many_or_different(
    gate: Terminal, door: TerminalServer, library: Library
) -> None:
    for number in range(35):
        enrol(library, f"p{number:02}", name=f"Name {number}")
    run(gate, CommandKind.PEOPLE_PUSH)
    del door.state.people["p03"]
    door.state.people["p04"]["name"] = "Somebody"
    door.state.people["2.jpg"] = {"userId": "2.jpg", "name": "Local"}

    command = run(gate, CommandKind.PEOPLE_COMPARE)

    assert command.result == {"held": 35, "missing": 1, "extra": 1, "different": 1}
    found = TerminalHoldings.objects.get(terminal=gate)
    assert (found.missing, found.extra, found.different) == (["p03"], ["2.jpg"], ["p04"])
    assert (found.held, found.expected) == (35, 35)
    # "Stored" was not true any more.
    row = Delivery.objects.get(terminal=gate, user_id="p03")
    assert (row.state, row.code) == ("failed", "20001")


@pytest.mark.parametrize("state", ["unconfirmed", "fetched"])
def test_whom_a_terminal_never_reported_on_and_lacks_is_told_again(
    gate: Terminal, library: Library, state: str
) -> None:
    enrol(library, "a")
    Delivery.objects.update(state=state, unanswered=4, held=True)

    run(gate, CommandKind.PEOPLE_COMPARE)

    row = Delivery.objects.get()
    assert (row.state, row.code, row.unanswered) == ("failed", "20001", 0)
    assert deliveries_retry(now=timezone.now()) == 1


def test_an_empty_terminal_is_compared(gate: Terminal, library: Library) -> None:
    enrol(library, "a")

    assert run(gate, CommandKind.PEOPLE_COMPARE).result["missing"] == 1


def test_a_terminal_that_ignores_the_page_does_not_hold_us_up(
    gate: Terminal, door: TerminalServer
) -> None:
    async def same(request: web.Request) -> web.Response | None:
        if request.path != "/api/user/list":
            return None
        people = [{"userId": f"p{number}", "name": "x"} for number in range(10)]
        data = {"total": 10**9, "pageNum": 1, "size": 10, "pageSize": 10, "data": people}
        return web.json_response({"code": 200, "message": "OK", "data": data})

    door.state.temper = same

    assert run(gate, CommandKind.PEOPLE_COMPARE).result["held"] == 10
    assert len(door.state.calls) <= 60


def test_repairing_makes_it_so(gate: Terminal, door: TerminalServer, library: Library) -> None:
    for number in range(12):
        enrol(library, f"p{number:02}", name=f"Name {number}")
    run(gate, CommandKind.PEOPLE_PUSH)
    del door.state.people["p03"]
    door.state.people["p04"]["name"] = "Somebody"
    door.state.people["2.jpg"] = {"userId": "2.jpg", "name": "Local"}

    command = run(gate, CommandKind.PEOPLE_REPAIR)

    assert (command.state, command.word) == ("done", "")
    assert command.result == {"done": 2, "failed": 0, "fetching": 0, "deleted": 1, "left": 0}
    assert set(door.state.people) == {f"p{number:02}" for number in range(12)}
    assert door.state.people["p04"]["name"] == "Name 4"


def test_a_wiped_terminal_gets_everybody_at_its_next_poll(
    gate: Terminal, door: TerminalServer, library: Library, token: str
) -> None:
    enrol(library, "a")
    run(gate, CommandKind.PEOPLE_PUSH)
    wire = WireClient(token=token, device_id=gate.device_id)
    wire.sync()

    command = run(gate, CommandKind.PEOPLE_WIPE)

    assert command.state == "done"
    assert door.state.people == {}
    assert states(gate) == {"a": ("save", "pending", False)}
    entries, _ = wire.poll()
    assert [entry["userId"] for entry in entries] == ["a"]
