"""One request, three ways to serve it, one answer: ``raw_cases/README.md``, sent byte for byte.

The table there names each case, what each server answers, and why where they differ.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.raw_http import Answer, Heard, exchange
from tests.support.raw_requests import FOLDER, Case, own, shipped
from tests.support.three_servers import (
    Embedded,
    Proxied,
    Rows,
    Served,
    Server,
    rows_of,
    sites_made,
)
from tests.support.tools import tool

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
]
CASES = {case.name: case for case in (*shipped(), *own())}
KINDS = ("embedded", "wsgi", "nginx")
# Ten seconds, and a little for a machine on which others work, too.
IN_TIME_S = 11.0
TRUSTED = "127.0.0.2,127.0.0.3"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a server said, and what its site has on file afterwards."""

    heard: Heard
    rows: Rows

    @property
    def said(self) -> str:
        """All answers as the table writes them: ``200 0``; ``-`` for none."""
        return ", ".join(_said(answer) for answer in self.heard.answers) or "-"


def _said(answer: Answer) -> str:
    if not isinstance(answer.body, dict):
        return str(answer.status)
    return f"{answer.status} {answer.body.get('ret', 'list')}"


def _table() -> dict[str, list[str]]:
    lines = (FOLDER / "README.md").read_text().splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in rows if len(row) == 6 and row[0] in CASES}


TABLE = _table()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return where the servers keep what they keep, logs included."""
    return tmp_path_factory.mktemp("three")


@pytest.fixture(scope="module")
def outcomes(folder: Path) -> Iterator[dict[tuple[str, str], Outcome]]:
    """Send every case to every server; what is slow about some of them passes at the same time."""
    nginx = tool("nginx", package="nginx-light")
    variables = {"TRUSTED_PROXIES": TRUSTED}
    served = Served(
        folder / "wsgi", {**variables, "ALLOWED_HOSTS": "127.0.0.1"}, name="raw", redis=9
    )
    embedded = Embedded(folder / "embedded", variables)
    servers: dict[str, Server] = {
        "embedded": embedded,
        "wsgi": served,
        "nginx": Proxied(folder / "nginx", nginx, served),
    }
    for server in (served, embedded):
        server.manage("migrate", "--verbosity", "0")
    tokens = {
        kind: sites_made(server, [_code(kind, name) for name in CASES])
        for kind, server in servers.items()
    }

    def sent(job: tuple[str, Case]) -> Outcome:
        kind, case = job
        code = _code(kind, case.name)
        raw = case.raw.replace(b"{{TOKEN}}", tokens[kind][code].encode())
        heard = exchange(
            servers[kind].port,
            raw,
            answers=case.answers,
            source=case.source,
            says_no_more=case.says_no_more,
        )
        return Outcome(heard, rows_of(servers[kind], code))

    jobs = [(kind, case) for case in CASES.values() for kind in KINDS]
    try:
        for server in servers.values():
            server.start()
        with ThreadPoolExecutor(12) as pool:
            found = list(pool.map(sent, jobs))
        yield {(kind, case.name): one for (kind, case), one in zip(jobs, found, strict=True)}
    finally:
        for server in reversed(servers.values()):
            server.stop()
    for kind in ("embedded", "wsgi"):
        assert "Traceback" not in (servers[kind].folder / "log").read_text()


def _code(kind: str, name: str) -> str:
    return f"n-{name}" if kind == "nginx" else name


def test_the_table_names_every_case() -> None:
    assert set(TABLE) == set(CASES)
    assert all(
        reason for *_, said, through, _, reason in TABLE.values() if {said, through} != {"="}
    )


@pytest.mark.parametrize("name", CASES)
def test_all_servers_answer_alike(name: str, outcomes: dict[tuple[str, str], Outcome]) -> None:
    embedded, wsgi, nginx, on_file, _ = TABLE[name]
    wanted = {
        "embedded": embedded,
        "wsgi": embedded if wsgi == "=" else wsgi,
        "nginx": embedded if nginx == "=" else nginx,
    }
    found = {kind: outcomes[kind, name] for kind in KINDS}

    assert {kind: one.said for kind, one in found.items()} == wanted
    assert _on_file(found["embedded"].rows) == on_file
    for kind, cell in (("wsgi", wsgi), ("nginx", nginx)):
        one = found[kind]
        if cell == "=":
            assert one.rows == found["embedded"].rows, kind
            assert _bodies(one) == _bodies(found["embedded"]), kind
        elif not cell.startswith("200") and not (cell == "-" and CASES[name].says_no_more):
            # Whose caller says no more is dropped by granian, which goes on with the work.
            assert one.rows.records == [], kind
    for one in found.values():
        assert one.heard.took_s < IN_TIME_S
        for answer in one.heard.answers:
            # Whatever a terminal is told has a length, and never is a page.
            assert "transfer-encoding" not in answer.headers
            assert not isinstance(answer.body, bytes) or b"<" not in answer.body


def _on_file(rows: Rows) -> str:
    return f"{' '.join(rows.terminals)} {len(rows.records)}".strip()


def _bodies(outcome: Outcome) -> list[Any]:
    """Return what was answered, without what differs from site to site."""
    bodies = [answer.body for answer in outcome.heard.answers]
    return [
        re.sub(r"'lastQueryTime': \d+", "", str(body)) if isinstance(body, dict) else body
        for body in bodies
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_two_names_in_gbk_are_two_terminals(
    kind: str, outcomes: dict[tuple[str, str], Outcome]
) -> None:
    names = [outcomes[kind, f"gbk-id-{name}"].rows.terminals for name in ("south", "north")]

    assert names == [["南门"], ["北门"]]


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_over_http_1_0_has_a_length_and_ends(
    kind: str, outcomes: dict[tuple[str, str], Outcome]
) -> None:
    for name in ("http10-answer", "old-poll", "old-picture"):
        heard = outcomes[kind, name].heard

        assert heard.closed, name
        assert int(heard.answers[0].headers["content-length"]) > 0


def test_no_log_carries_the_secret_of_a_site(
    outcomes: dict[tuple[str, str], Outcome], folder: Path
) -> None:
    """Not even of what could not be read."""
    assert outcomes
    logs = [folder / "embedded" / "log", folder / "wsgi" / "log", *(folder / "nginx").glob("*")]
    said = "\n".join(path.read_text(errors="replace") for path in logs if path.is_file())

    assert {"log", "access.log"} <= {path.name for path in (folder / "nginx").iterdir()}
    assert re.findall(r"/t/+[A-Za-z0-9_\-]{22}", said) == []
