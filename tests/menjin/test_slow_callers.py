"""``manage.py serve`` answers doors while hundreds of connections never finish their requests."""

import contextlib
import http.client
import json
import socket
import time
from collections.abc import Iterator

import pytest

from tests.support.three_servers import Embedded, sites_made

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]

# So many of one address, of which half stop in the head and half in the body.
HELD = 400
ROOM = 150
# A door on a machine on which others work, too.
IN_TIME_S = 2.0


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """Return the embedded server, with room for fewer connections than are opened here."""
    folder = tmp_path_factory.mktemp("slow") / "var"
    server = Embedded(folder, {"MENJIN_CONNECTIONS_PER_ADDRESS": str(ROOM)})
    server.manage("migrate", "--verbosity", "0")
    server.start()
    yield server
    server.stop()


def pass_at_door(port: int, token: str, number: int) -> float:
    """Upload a pass as a terminal does and return how long it took."""
    began_s = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    body = json.dumps({"userId": str(number), "screenTime": 1589000000, "temperature": "36.5"})
    connection.request(
        "POST", f"/t/{token}/syface/door-1", body, {"Content-Type": "application/json"}
    )
    answer = connection.getresponse()
    said = json.loads(answer.read())
    connection.close()
    assert (answer.status, said["ret"]) == (200, "0"), said
    return time.monotonic() - began_s


def test_doors_are_answered_while_others_hold_their_requests_back(embedded: Embedded) -> None:
    token = sites_made(embedded, ["gate"])["gate"]
    head = f"POST /t/{token}/syface/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n".encode()
    pass_at_door(embedded.port, token, 0)
    with contextlib.ExitStack() as opened:
        held: list[socket.socket] = []
        took_s: list[float] = []
        for number in range(HELD):
            one = opened.enter_context(socket.create_connection(("127.0.0.1", embedded.port)))
            one.sendall(head if number % 2 else head + b"\r\n{")
            held.append(one)
            if number % 40 == 0:
                took_s.append(pass_at_door(embedded.port, token, number + 1))
        assert max(took_s) < IN_TIME_S, took_s

        # Within its limits it hangs up on them all, the first of them at once.
        began_s = time.monotonic()
        for one in held:
            one.settimeout(30)
            with contextlib.suppress(ConnectionResetError):
                while one.recv(4096):
                    pass
        assert time.monotonic() - began_s < 25
    assert "connections_full" in (embedded.folder / "log").read_text()
    assert "Traceback" not in (embedded.folder / "log").read_text()
    assert len(embedded.rows("SELECT id FROM records_record")) == 1 + len(took_s)


def test_a_body_too_large_never_gets_to_the_disk(embedded: Embedded) -> None:
    before = {path for path in embedded.folder.rglob("*") if path.is_file()}
    head = b"POST /api/v1/people/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", embedded.port), timeout=10) as connection:
        connection.sendall(head)
        assert connection.recv(4096).startswith(b"HTTP/1.1 413 ")
    assert {path for path in embedded.folder.rglob("*") if path.is_file()} <= before


def test_its_files_are_private(embedded: Embedded) -> None:
    found = [path for path in embedded.folder.rglob("*") if not path.name.startswith(".")]

    assert {"menjin.sqlite3", "secrets.json", "serving.lock"} <= {one.name for one in found}
    # The tests' own log is written by the shell that started it.
    others = [one for one in found if one.name != "log" and one.stat().st_mode & 0o077]
    assert others == []
