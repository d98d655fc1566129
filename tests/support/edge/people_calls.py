"""People and photos as the calls about people take them."""

import base64
from typing import Any

from tests.support.edge.fakes import person_jpeg
from tests.support.edge.running_terminal import PERSON, RunningTerminal

ANN, BOB, UNRECOGNISED = 100, 200, 0


def photo_of(shade: int, *, remark: bytes = b"") -> str:
    return base64.b64encode(person_jpeg(shade, remark=remark)).decode()


FULL = {
    **PERSON,
    **{"department": "R&D", "birthday": -86400, "entryTime": 1573539353, "mail": "a@b.cn"},
    **{"title": "engineer", "position": "2nd floor", "idNumber": "431123", "gender": 2},
    **{"prompt": "欢迎", "startTime": 0, "endTime": 0, "purpose": "visit"},
    **{"interviewee": "Bob", "comeFrom": "Acme", "description": "hello"},
}


async def listed(terminal: RunningTerminal, **filters: Any) -> list[str]:
    answer = await terminal.call("userList", **filters)
    assert answer["code"] in {200, 50008}
    return [one["userId"] for one in answer["data"]["data"]] if answer["code"] == 200 else []


async def recognised(terminal: RunningTerminal, shade: int) -> str | None:
    decision = await terminal.somebody_comes(shade)
    newest = (await terminal.call("recordList", size=1))["data"]["data"][0]
    assert decision is not None
    return newest["userId"] or None
